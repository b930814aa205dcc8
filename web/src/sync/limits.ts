// Every limit of the browser's sync, with its reason.

/** Bytes of one frame we read; the same as a node allows. */
export const FRAME_BYTES_MAX = 8 * 1024 * 1024;

/** Bytes that wait to be sent; beyond it the connection is closed, which loses nothing (S2). */
export const QUEUE_BYTES_MAX = 32 * 1024 * 1024;

/** Bytes the browser's own socket buffer may hold before we wait with more. */
export const SOCKET_BYTES_MAX = 4 * 1024 * 1024;

/** First wait before dialling again; doubled after each failure. */
export const RETRY_MS_MIN = 500;

/** A node that restarts sees all its pages within this time. */
export const RETRY_MS_MAX = 20_000;

/** Silence after which we ask whether the node is there; half-open connections show no other way. */
export const SILENCE_MS_MAX = 20_000;

/** How long the answer to that may take. */
export const ANSWER_MS_MAX = 8_000;

/** The same when the browser says that the network is gone. */
export const UNPLUGGED_ANSWER_MS_MAX = 1_500;

/** How long a handshake may take, from opening the socket. */
export const HANDSHAKE_MS_MAX = 15_000;

/** Frontiers in one frame: one per actor, so one per tab that ever wrote in a document. */
export const FRONTIERS_PER_FRAME_MAX = 1_000;

/** Records in one frame, and the bytes of them; a frame stays well below what a node allows. */
export const RECORDS_PER_FRAME_MAX = 256;
export const RECORD_BYTES_PER_FRAME = 1 << 20;

/** Record ids in one frame; logs of this version stay far below it. */
export const IDS_PER_FRAME_MAX = 8_192;

/** Cards that wait for the record of their author. */
export const CARDS_WAITING_MAX = 64;
