import { chmod, chown, mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { catalogue, messageOf, systemCode } from '@nixen/core'

const errors = catalogue('server', {
  socket_folder: {
    text: (p: { path: string; reason: string }) =>
      `The folder ${p.path} for sockets of exports cannot be used: ${p.reason}. Change exports.socket_folder or exports.socket_group.`,
  },
})

/** Where sockets of exports are, and who may open them beside the user of Nixen. */
export interface SocketFolder {
  readonly path: string
  /** Number of a group. */
  readonly group: number | undefined
}

/** Makes a folder for sockets. One that is there belongs to the administrator, and stays as it is. @throws server.socket_folder */
export async function openSocketFolder(path: string, groupName: string): Promise<SocketFolder> {
  try {
    const group = groupName === '' ? undefined : await groupNumber(groupName)
    await mkdir(dirname(path), { recursive: true, mode: 0o755 })
    const isNew = await mkdir(path, { mode: 0o700 }).then(
      () => true,
      (error: unknown) => {
        if (systemCode(error) === 'EEXIST') return false
        throw error
      },
    )
    if (isNew && group !== undefined) {
      await chown(path, -1, group)
      // Going through is enough: who is told of an export knows its path.
      await chmod(path, 0o710)
    }
    return { path, group }
  } catch (error) {
    throw errors.socket_folder({ path, reason: messageOf(error) }, { cause: error })
  }
}

/** Node does not look groups up. Those of a directory service have to be given by number. */
async function groupNumber(name: string): Promise<number> {
  if (/^\d+$/.test(name)) return Number(name)
  for (const line of (await readFile('/etc/group', 'utf8')).split('\n')) {
    const [found, , number] = line.split(':')
    if (found === name) return Number(number)
  }
  throw new Error(`there is no group ${name} in /etc/group (a group of a directory service is given by its number)`)
}
