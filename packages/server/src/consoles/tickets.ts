import { consoleErrors, type ConsoleKind } from '@nixen/api'
import type { Clock } from '@nixen/core'
import type { ConsoleOwner } from '@nixen/providers'
import type { Principal } from '../auth/principal.ts'
import { hashSecret, newSecret } from '../auth/secrets.ts'

/** What a ticket opens, and for whom. */
export interface Grant {
  readonly who: Principal
  readonly type: 'vm' | 'host'
  readonly id: ConsoleOwner
  readonly kind: ConsoleKind
  readonly viewOnly: boolean
}

/** How long a ticket opens a console, milliseconds. */
export const ticketLife = 30_000
/** So long it is remembered afterwards, to say what was wrong with it; milliseconds. */
const memory = 300_000
/** Tickets of one user that nobody has used yet. */
const mostUnused = 64

interface Kept {
  readonly grant: Grant
  /** Monotonic. */
  readonly until: number
  used: boolean
}

/** Tickets that open a console once. In memory, by their hash: a restart makes all of them void, and a dump of the memory gives none away. */
export class Tickets {
  readonly #clock: Clock
  readonly #kept = new Map<string, Kept>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @throws console.too_many */
  issue(grant: Grant): { readonly ticket: string; readonly expires: number } {
    this.#forget()
    const now = this.#clock.monotonic()
    const mine = [...this.#kept.values()].filter(
      ({ used, until, grant: other }) => !used && until > now && other.who.user.id === grant.who.user.id,
    )
    if (mine.length >= mostUnused)
      throw consoleErrors.too_many({ limit: mostUnused, of: 'or about to be for this user' })
    const ticket = newSecret()
    this.#kept.set(hashSecret(ticket), { grant, until: now + ticketLife, used: false })
    return { ticket, expires: this.#clock.now() + ticketLife }
  }

  /** Uses a ticket up. @throws console.ticket_unknown, ticket_used, ticket_expired */
  take(ticket: string): Grant {
    this.#forget()
    const kept = this.#kept.get(hashSecret(ticket))
    if (!kept) throw consoleErrors.ticket_unknown()
    if (kept.used) throw consoleErrors.ticket_used()
    kept.used = true
    if (kept.until <= this.#clock.monotonic()) throw consoleErrors.ticket_expired({ seconds: ticketLife / 1000 })
    return kept.grant
  }

  #forget(): void {
    const old = this.#clock.monotonic() - memory
    // In the order in which they were made.
    for (const [hash, { until }] of this.#kept) {
      if (until > old) return
      this.#kept.delete(hash)
    }
  }
}
