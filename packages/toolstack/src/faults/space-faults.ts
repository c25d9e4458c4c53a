/** Makes an SR full: what needs room on it fails with "There is insufficient space". */
export interface SpaceFaultRule {
  /** UUID of the SR, or `*` for all. */
  readonly sr: string
  /** Bytes that may still be written to it, over what is there as well; 0 for a full one. */
  readonly space: number
}

/** A rule in force, and what is left of its room. */
export class LimitedSpace {
  readonly rule: SpaceFaultRule
  #left: number
  /** How often there was no room. */
  used = 0

  constructor(rule: SpaceFaultRule) {
    this.rule = rule
    this.#left = rule.space
  }

  /** Whether there is room for more bytes, which are taken then. */
  take(sr: string, bytes: number): boolean {
    if (this.rule.sr !== '*' && this.rule.sr !== sr) return true
    if (bytes > this.#left) {
      this.used++
      return false
    }
    this.#left -= bytes
    return true
  }
}
