import type { actionsText } from './actions.ts'
import type { backup } from './backup.ts'
import type { common } from './common.ts'
import type { connectionsText } from './connections.ts'
import type { inventoryText } from './inventory.ts'
import type { jobsText } from './jobs.ts'
import type { consoleText } from './console.ts'
import type { chartsText } from './charts.ts'
import type { vmText } from './vm.ts'
import type { lists } from './lists.ts'
import type { overview } from './overview.ts'
import type { sessionText } from './session.ts'
import type { settingsText } from './settings.ts'
import type { shell } from './shell.ts'

/** All messages of the console, by area: each language has all of them. */
export interface Translations {
  readonly actions: typeof actionsText
  readonly backup: typeof backup
  readonly common: typeof common
  readonly connections: typeof connectionsText
  readonly inventory: typeof inventoryText
  readonly jobs: typeof jobsText
  readonly console: typeof consoleText
  readonly charts: typeof chartsText
  readonly vm: typeof vmText
  readonly lists: typeof lists
  readonly overview: typeof overview
  readonly session: typeof sessionText
  readonly settings: typeof settingsText
  readonly shell: typeof shell
}
