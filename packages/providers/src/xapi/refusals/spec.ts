import type { XapiErrorCode } from '@nixen/xapi'

/**
 * What a host means with an error code. In the sentence `{vm 0}` stands for the first parameter as the VM that it refers to ("the VM
 * "web-01"", or "the VM" when it is not known), `{0}` for the parameter as text.
 */
export interface RefusalSpec {
  readonly text: string
  /** Whether the same call may succeed later without any change. */
  readonly retryable: boolean
  /** 409 when the state of something forbids it, 502 when something failed. */
  readonly status: 409 | 502
}

export type Refusals = { readonly [C in XapiErrorCode]?: RefusalSpec }

/** The state of something forbids it. */
export const no = (text: string): RefusalSpec => ({ text, retryable: false, status: 409 })
/** The same, and it passes by itself. */
export const later = (text: string): RefusalSpec => ({ text, retryable: true, status: 409 })
/** Something failed. */
export const failed = (text: string): RefusalSpec => ({ text, retryable: false, status: 502 })
/** The same, and it may work the next time. */
export const failedNow = (text: string): RefusalSpec => ({ text, retryable: true, status: 502 })
