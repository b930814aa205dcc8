// The least role that each act asks for.

import type { DocumentRef } from "./document.ts";
import type { DeviceKey } from "./ids.ts";
import type { Refusal } from "./may.ts";
import { isAtLeast, type Role } from "./role.ts";
import type { State } from "./state.ts";

/** What a member does with a record, and the lowest role that may. */
export const ACTS = {
  invite: "facilitator",
  grant: "facilitator",
  remove: "facilitator",
  withdraw: "facilitator",
  retire: "facilitator",
  decide: "facilitator",
  snapshot: "facilitator",
  relay: "facilitator",
  cosign: "inner",
  commit: "inner",
  vote: "inner",
  acknowledge: "outer",
  share: "outer",
  announce: "outer",
  state: "outer",
  link: "outer",
  leave: "outer",
} as const satisfies Readonly<Record<string, Role>>;

export type Act = keyof typeof ACTS;

/** Answers from the state alone whether a record of this device that does so would count. */
export function mayAct(state: State, device: DeviceKey, act: Act): Refusal | undefined {
  const role = state.roleOfDevice(device);
  if (role === undefined) return "not-member";
  return isAtLeast(role, ACTS[act]) ? undefined : "not-writer";
}

/** The lowest role that writes a document of this kind; whose own it is, and sharing, is asked elsewhere. */
export function leastToWrite({ kind }: DocumentRef): Role {
  return kind === "case" || kind === "step" ? "inner" : "outer";
}
