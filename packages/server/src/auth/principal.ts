import type { Access, Grant, TokenId, User } from '@nixen/api'

/** Who is asking. */
export interface Principal {
  readonly user: User
  /** All that they may do now, for themselves to see. */
  readonly grants: readonly Grant[]
  readonly access: Access
  /** When the session or token ends; epoch milliseconds. */
  readonly expires: number | undefined
  readonly via:
    | { readonly kind: 'session'; readonly id: string; readonly hash: string; readonly csrf: string }
    | { readonly kind: 'token'; readonly id: TokenId; readonly grants: readonly Grant[] | undefined }
    /** Over the unix socket in the state directory. */
    | { readonly kind: 'local' }
    /** What a job does in their name. */
    | { readonly kind: 'job' }
}
