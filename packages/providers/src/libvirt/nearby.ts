import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { join } from 'node:path'

/** A daemon of libvirt on this machine. */
export interface NearbyDaemon {
  /** What connects it: `qemu:///system`. */
  readonly address: string
  readonly socket: string
  /** Whether this user may open its socket. */
  readonly usable: boolean
}

/** Sockets of the daemons for all drivers, and of those for one; the likelier first. */
const daemons: readonly (readonly [socket: string, address: string])[] = [
  ['libvirt-sock', 'qemu:///system'],
  ['virtqemud-sock', 'qemu:///system'],
  ['virtxend-sock', 'xen:///system'],
]

/** The system's libvirt daemons on this machine, by their sockets. Nothing is connected to: where systemd listens for it, the daemon need not run. */
export async function nearbyDaemons(folder = '/run/libvirt'): Promise<readonly NearbyDaemon[]> {
  const found = new Map<string, NearbyDaemon>()
  for (const [name, address] of daemons) {
    const socket = join(folder, name)
    if (found.has(address) || !(await allows(socket, constants.F_OK))) continue
    found.set(address, { address, socket, usable: await allows(socket, constants.R_OK | constants.W_OK) })
  }
  return [...found.values()]
}

async function allows(path: string, mode: number): Promise<boolean> {
  return await access(path, mode).then(
    () => true,
    () => false,
  )
}
