import { constants, type Stats, type StatsFs } from 'node:fs'
import { access, readFile, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { formatBytes, GiB, MiB, systemCode } from '@nixen/core'
import { profilePath, type Environment } from '../connect/profiles.ts'
import { ok, problem, skipped, warning, type Finding } from './finding.ts'

/** Rights that others than the owner have. */
const others = 0o077

/** Whether the state directory is there, belongs to this user, and is closed to others. */
export async function checkStateDirectory(directory: string): Promise<Finding> {
  const check = 'state-directory'
  const found = await statOrCode(directory)
  if (found === 'ENOENT') return ok(check, `${directory} is not there yet; the first start makes it.`)
  if (typeof found === 'string')
    return problem(
      check,
      `${directory} cannot be looked at (${found}).`,
      'Run "nixen doctor" as the user who runs Nixen.',
    )
  if (!found.isDirectory())
    return problem(check, `${directory} is not a directory.`, `Move it away, or choose another --state.`)
  const uid = process.getuid?.() ?? 0
  if (found.uid !== uid && uid !== 0)
    return problem(
      check,
      `${directory} belongs to the user ${found.uid}, not to you (${uid}).`,
      `Run Nixen as that user, or as root: chown -R ${uid} ${directory}`,
    )
  const code = await access(directory, constants.R_OK | constants.W_OK | constants.X_OK).catch(codeOf)
  if (typeof code === 'string')
    return problem(check, `${directory} cannot be written to (${code}).`, `chmod u+rwx ${directory}`)
  if ((found.mode & 0o022) !== 0)
    return problem(check, `Other users can change ${directory} (mode ${modeOf(found.mode)}).`, `chmod 700 ${directory}`)
  if ((found.mode & others) !== 0)
    return warning(
      check,
      `Other users can look into ${directory} (mode ${modeOf(found.mode)}).`,
      `chmod 700 ${directory}`,
    )
  return ok(check, `${directory} is yours alone.`)
}

/** Whether files with secrets are closed to other users. */
export async function checkSecretFiles(directory: string, environment: Environment): Promise<readonly Finding[]> {
  const files = [
    join(directory, 'keys'),
    join(directory, 'keys/master.key'),
    join(directory, 'tls/self-signed.pem'),
    join(directory, 'db.sqlite'),
    profilePath(environment),
  ]
  const found = await Promise.all(files.map(async (path) => await checkSecretFile(path)))
  const wrong = found.filter((finding) => finding !== undefined)
  return wrong.length > 0 ? wrong : [ok('secret-files', 'Keys, database and profiles are closed to other users.')]
}

async function checkSecretFile(path: string): Promise<Finding | undefined> {
  const found = await statOrCode(path)
  if (typeof found === 'string' || (found.mode & others) === 0) return undefined
  const mode = found.isDirectory() ? '700' : '600'
  return problem(
    'secret-files',
    `Other users can read ${path} (mode ${modeOf(found.mode)}).`,
    `chmod ${mode} ${path}, and if others may have read it: change the passwords of the connections and "nixen token revoke" your tokens`,
  )
}

/** Whether the master key can be read. Gives the ids of its keys, to compare with what is sealed by them. */
export async function checkMasterKey(
  directory: string,
): Promise<{ readonly finding: Finding; readonly keys: ReadonlySet<string> | undefined }> {
  const check = 'master-key'
  const path = join(directory, 'keys/master.key')
  const text = await readFile(path, 'utf8').catch((error: unknown) => ({ code: systemCode(error) ?? 'unknown' }))
  if (typeof text === 'object') {
    const missing = text.code === 'ENOENT'
    const finding = missing
      ? skipped(check, `${path} is not there; the first start makes it.`)
      : problem(check, `${path} cannot be read (${text.code}).`, `chmod 600 ${path}, as its owner`)
    return { finding, keys: missing ? new Set() : undefined }
  }
  const lines = text.split('\n').filter((line) => line !== '')
  const wrong = lines.findIndex((line) => !/^[0-9a-f]{8} [A-Za-z0-9+/]{43}=$/.test(line))
  if (wrong >= 0 || lines.length === 0) {
    const where = lines.length === 0 ? 'it is empty' : `line ${wrong + 1} is not a key`
    const mend = `Restore ${path} from its backup. Without it, move it away, start Nixen and enter the passwords of all connections again.`
    return { finding: problem(check, `${path} is damaged: ${where}.`, mend), keys: undefined }
  }
  return { finding: ok(check, `${path} is whole.`), keys: new Set(lines.map((line) => line.slice(0, 8))) }
}

/** Whether the file system of the state has room. */
export async function checkRoom(directory: string): Promise<Finding> {
  const check = 'room'
  const found = await nearestFileSystem(directory)
  if (!found) return skipped(check, `No file system could be asked about ${directory}.`)
  const free = found.bavail * found.bsize
  const text = `${formatBytes(free)} are free where ${directory} is.`
  const mend = 'Make room on that file system, or move the state directory to a larger one.'
  if (free < 100 * MiB) return problem(check, text, mend)
  if (free < GiB) return warning(check, text, mend)
  return found.files > 0 && found.ffree < 1000
    ? problem(check, `Only ${found.ffree} more files fit where ${directory} is.`, mend)
    : ok(check, text)
}

async function nearestFileSystem(directory: string): Promise<StatsFs | undefined> {
  for (let path = directory; ; path = join(path, '..')) {
    const found = await statfs(path).catch(() => undefined)
    if (found || path === '/' || path === '.') return found
  }
}

async function statOrCode(path: string): Promise<Stats | string> {
  return await stat(path).catch(codeOf)
}

function codeOf(error: unknown): string {
  return systemCode(error) ?? 'unknown'
}

/** `0755` */
function modeOf(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, '0')
}
