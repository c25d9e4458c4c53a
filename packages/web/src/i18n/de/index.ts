import type { Translations } from '../translations.ts'
import { actions } from './actions.ts'
import { backup } from './backup.ts'
import { common } from './common.ts'
import { connections } from './connections.ts'
import { inventory } from './inventory.ts'
import { jobs } from './jobs.ts'
import { console } from './console.ts'
import { charts } from './charts.ts'
import { vm } from './vm.ts'
import { lists } from './lists.ts'
import { overview } from './overview.ts'
import { settings } from './settings.ts'
import { session } from './session.ts'
import { shell } from './shell.ts'

/** All messages in German. */
export const de: Translations = {
  vm,
  charts,
  console,
  jobs,
  actions,
  backup,
  common,
  connections,
  inventory,
  lists,
  overview,
  session,
  settings,
  shell,
}
