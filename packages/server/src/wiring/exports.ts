import { join } from 'node:path'
import { ExportFiles } from '../exports/export-files.ts'
import { openSocketFolder } from '../exports/socket-folder.ts'
import { Exports } from '../exports/exports.ts'
import type { Base } from './base.ts'
import type { Stores } from './stores.ts'

/** Disks of restore points that are given away; those of before the last stop go on. */
export async function openExports({ clock, config, log, options, parts, vault }: Base, { repositories }: Stores) {
  const { 'exports.socket_folder': folder, 'exports.socket_group': group } = config.values
  const sockets = folder === '' ? undefined : await openSocketFolder(folder, group)
  const files = new ExportFiles(join(options.stateDir, 'exports'), { vault, log, sockets })
  const exports = parts.use(new Exports({ repositories, files, clock, log }))
  await exports.start()
  return { exports }
}
