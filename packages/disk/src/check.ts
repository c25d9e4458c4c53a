/** How bad a finding is: an `error` loses data, a `warning` may, a `note` wastes space. */
export type Severity = 'error' | 'warning' | 'note'

/** Something that a check found in an image. */
export interface Finding {
  readonly severity: Severity
  /** Stable name, for example `checksum`, `overlap`, `leaked`. */
  readonly code: string
  /** One sentence. */
  readonly message: string
  /** Where in the file, in bytes. */
  readonly offset?: number | undefined
}
