/** Why a disk is not read in the best way. The codes are stable: they are stored with runs and counted. */
const sentences = {
  first: () => 'There is no earlier backup of this disk to compare with.',
  token_foreign: () => 'What was kept of the last backup is not of this kind of host.',
  token_gone: () => 'What the host kept of the last backup is gone: somebody has removed it.',
  disk_replaced: () =>
    'The VM has another disk now than at the last backup: it was moved to another storage, reverted or replaced.',
  disk_resized: (p: { from: number; to: number }) =>
    `The disk was resized from ${p.from} to ${p.to} bytes since the last backup.`,
  tracking_off: () => 'Changes of the disk were not tracked by the host when it was frozen.',
  tracking_unsupported: (p: { why: string }) => `The host can't track changes of this disk: ${p.why}.`,
  tracking_interrupted: (p: { message: string }) =>
    `The host's record of changes does not reach back to the last backup: tracking was switched off in between (${p.message}).`,
  tracking_damaged: (p: { message: string }) => `The host's record of changes is damaged (${p.message}).`,
  tracking_failed: (p: { message: string }) => `The host did not tell what changed (${p.message}).`,
  nbd_off: () => 'No network of the pool is enabled for NBD.',
  nbd_insecure: () => 'The pool offers NBD only without encryption, which is not allowed here.',
  nbd_failed: (p: { message: string }) => `The disk could not be opened over NBD (${p.message}).`,
  base_without_data: () => 'The host kept only the record of changes of the last backup, not its data.',
  base_unreadable: () => 'The last restore point can not be read here to fill the unchanged parts.',
  delta_failed: (p: { message: string }) => `The host did not export the difference (${p.message}).`,
  too_large: (p: { limit: number }) =>
    `The disk is larger than ${p.limit} bytes, the limit of the format for differences.`,
  left_out: (p: { what: string }) => `${p.what} was not to be used.`,
} as const

export type FallbackCode = keyof typeof sentences

/** One way that could not be taken. */
export interface FallbackReason {
  readonly code: FallbackCode
  /** A sentence for people. */
  readonly text: string
}

/** All codes, for catalogues of texts. */
export const fallbackCodes: readonly FallbackCode[] = Object.keys(sentences) as FallbackCode[] // The keys of the table above.

type ParamsOf<C extends FallbackCode> = Parameters<(typeof sentences)[C]>

/** The reason with its sentence. */
export function fallback<C extends FallbackCode>(code: C, ...params: ParamsOf<C>): FallbackReason {
  // The table pairs each code with its own parameters; TypeScript can't follow the index.
  const sentence = sentences[code] as (...params: ParamsOf<C>) => string
  return { code, text: sentence(...params) }
}
