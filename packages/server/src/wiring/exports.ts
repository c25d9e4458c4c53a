import { join } from 'node:path'
import { ExportFiles } from '../exports/export-files.ts'
import { Exports } from '../exports/exports.ts'
import type { Base } from './base.ts'
import type { Stores } from './stores.ts'

/** Disks of restore points that are given away; those of before the last stop go on. */
export async function openExports({ clock, log, options, parts, vault }: Base, { repositories }: Stores) {
  const files = new ExportFiles(join(options.stateDir, 'exports'), { vault, log })
  const exports = parts.use(new Exports({ repositories, files, clock, log }))
  await exports.start()
  return { exports }
}
