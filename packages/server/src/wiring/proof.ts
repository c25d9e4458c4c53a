import { join } from 'node:path'
import { ChecksFile } from '../prove/checks-file.ts'
import { Checks } from '../prove/checks.ts'
import type { Base } from './base.ts'
import type { Stores } from './stores.ts'

/** What proves that restore points are good. */
export interface Proof {
  readonly checks: Checks
}

/** Health checks of what is in the repositories. */
export function openProof({ log, options, parts }: Base, { repositories, catalogue }: Stores): Proof {
  const file = parts.use(new ChecksFile(join(options.stateDir, 'cache', 'checks.sqlite'), log))
  return { checks: parts.use(new Checks({ repositories, catalogue, file, log })) }
}
