// Hands bytes to the person as a file.

/** How long the browser may take to read the bytes. */
const READ_MS = 60_000;

export function saveFile(name: string, bytes: Uint8Array): void {
  const address = URL.createObjectURL(new Blob([new Uint8Array(bytes)], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = address;
  // No file system takes these in a name.
  link.download = name.replace(/[\\/:*?"<>|\u0000-\u001f]/g, "-");
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), READ_MS);
}
