import { realpath } from 'node:fs/promises'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { systemCode } from '@nixen/core'
import { diskErrors } from './errors.ts'
import type { ImageFolder } from './file.ts'
import { openLocalFile, type LocalFileOptions } from './local-file.ts'

/**
 * The images of one directory of this machine and those below it. A reference is looked up relative to the image that holds it. Neither
 * `..`, absolute names nor symbolic links lead out: an absolute reference counts when it ends in the directory, and otherwise its last
 * part is looked for beside the image, as after a chain was copied elsewhere. The directory must belong to somebody trusted: names in it
 * are resolved and then opened.
 */
export async function localFolder(directory: string, options: LocalFileOptions = {}): Promise<ImageFolder> {
  const root = await realpath(directory).catch((cause: unknown) => {
    throw diskErrors.not_found({ path: directory }, { cause })
  })
  return {
    async open(reference, from) {
      const path = await resolveInside(root, reference, from.path)
      return await openLocalFile(path, options)
    },
    identity: (file) => file.path,
  }
}

async function resolveInside(root: string, reference: string, from: string): Promise<string> {
  const bad = (): Error => diskErrors.outside_directory({ path: from, reference })
  // Protocols of other programs, as in `nbd://…` and `json:{…}`, are no file names.
  if (reference === '' || reference.includes('\0') || /^[a-z][a-z0-9+.-]*:/i.test(reference)) throw bad()
  const home = dirname(await realpath(from))
  const absolute = reference.startsWith('/')
  // An absolute name was written on another machine, perhaps: what it means here counts only within the directory.
  for (const candidate of absolute ? [reference, join(home, basename(reference))] : [resolve(home, reference)]) {
    const path = await realpath(candidate).catch(missing)
    if (path !== undefined && isInside(root, path)) return path
    if (!absolute && (path !== undefined || !isInside(root, candidate))) throw bad()
  }
  if (absolute && !isInside(root, reference)) throw bad()
  throw diskErrors.parent_missing({ path: from, reference })
}

function missing(error: unknown): undefined {
  const code = systemCode(error) ?? ''
  if (!['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'].includes(code)) throw error
  return undefined
}

function isInside(root: string, path: string): boolean {
  return path.startsWith(root.endsWith(sep) ? root : root + sep)
}
