import { AuditLog } from '../audit/audit-log.ts'
import { Attempts } from '../auth/attempts.ts'
import { Authenticator } from '../auth/authenticator.ts'
import { SecondFactor } from '../auth/second-factor.ts'
import { Consoles } from '../consoles/consoles.ts'
import { basePathOf } from '../http/addresses.ts'
import type { Base } from './base.ts'
import type { Live } from './live.ts'

/** Who may do what, what they did, and the consoles that end when they may no longer. */
export interface People {
  readonly authenticator: Authenticator
  readonly attempts: Attempts
  readonly secondFactor: SecondFactor
  readonly audit: AuditLog
  readonly consoles: Consoles
}

/** Makes what knows people. */
export function openPeople({ db, vault, clock, config, log, parts }: Base, live: Live): People {
  const { inventory, views, connections } = live
  const authenticator = new Authenticator({
    db,
    clock,
    lifetime: () => ({ idle: config.values['session.idle'], longest: config.values['session.longest'] }),
    nameOf: (id) => inventory.nameOf(id),
    onChanged: () => {
      views.wake()
      consoles.recheck()
    },
  })
  const audit = new AuditLog(db, clock)
  const basePath = basePathOf(config.values)
  const consoles = parts.use(new Consoles({ inventory, connections, authenticator, audit, clock, log, basePath }))
  return {
    authenticator,
    attempts: new Attempts(clock),
    secondFactor: new SecondFactor({ db, vault, clock }),
    audit,
    consoles,
  }
}
