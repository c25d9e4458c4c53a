import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ConnectionId, formatId, type VmId } from '@nixen/api'
import { startOwnDaemon, type OwnDaemon } from '@nixen/cli/local-lab'
import { MiB } from '@nixen/core'
import { constants as c, Libvirt, parseDomain, xml, type Domain } from '@nixen/libvirt'
import type { ConnectionSpec } from '../../src/index.ts'

const run = promisify(execFile)

/** How a daemon of one's own is reached. */
export function specOf(daemon: Pick<OwnDaemon, 'uri'>, more: Partial<ConnectionSpec> = {}): ConnectionSpec {
  return { id: ConnectionId.parse('test'), kind: 'libvirt', address: daemon.uri, username: '', password: '', ...more }
}

export const idOf = (uuid: string): VmId => formatId({ type: 'vm', connection: ConnectionId.parse('test'), key: uuid })
export const uuidOf = (vm: VmId): string => vm.split('.')[2] ?? ''

/** A daemon with a pool, and what tests do with it behind the provider's back. */
export class LibvirtWorld implements AsyncDisposable {
  readonly daemon: OwnDaemon
  readonly libvirt: Libvirt
  readonly images: string

  private constructor(daemon: OwnDaemon, libvirt: Libvirt) {
    this.daemon = daemon
    this.libvirt = libvirt
    this.images = join(daemon.folder, 'images')
  }

  static async start(): Promise<LibvirtWorld> {
    const daemon = await startOwnDaemon()
    const libvirt = await Libvirt.connect({ uri: daemon.uri })
    const world = new LibvirtWorld(daemon, libvirt)
    const target = xml('target', {}, xml('path', {}, world.images))
    const text = xml('pool', { type: 'dir' }, xml('name', {}, 'default'), target).toString()
    const { pool } = await libvirt.call.storagePoolDefineXml({ xml: text })
    await libvirt.call.storagePoolCreate({ pool })
    return world
  }

  /** A qcow2 in the pool. */
  async disk(name: string, size: number, format: 'qcow2' | 'raw' = 'qcow2'): Promise<string> {
    const path = join(this.images, name)
    await run('qemu-img', ['create', '-q', '-f', format, path, String(size)])
    await chown(path, this.daemon.uid, this.daemon.gid)
    await this.refresh()
    return path
  }

  async refresh(): Promise<void> {
    const { pool } = await this.libvirt.call.storagePoolLookupByName({ name: 'default' })
    await this.libvirt.call.storagePoolRefresh({ pool })
  }

  /** A domain without a guest: its firmware finds nothing to boot and waits. Its disks are written through QEMU. */
  async define(name: string, disks: readonly string[], more = ''): Promise<Domain> {
    const devices = disks.map((path, i) => {
      const target = `<target dev='vd${'abcdefgh'[i] ?? 'z'}' bus='virtio'/>`
      const format = path.endsWith('.raw') ? 'raw' : 'qcow2'
      return `<disk type='file' device='disk'><driver name='qemu' type='${format}'/><source file='${path}'/>${target}</disk>`
    })
    const channel = `<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>`
    const text = `<domain type='qemu'><name>${name}</name><memory unit='MiB'>24</memory><vcpu>1</vcpu>
      <os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features>
      <devices><controller type='usb' model='none'/>${devices.join('')}${channel}${more}</devices></domain>`
    return (await this.libvirt.call.domainDefineXmlFlags({ xml: text })).dom
  }

  async start(dom: Domain): Promise<void> {
    await this.libvirt.call.domainCreateWithFlags({ dom })
  }

  /** Writes into a disk of a running domain as its guest would. */
  async write(dom: Domain, target: string, { offset, bytes }: { offset: number; bytes: Uint8Array }): Promise<void> {
    const file = join(this.images, `../pattern-${randomBytes(4).toString('hex')}`)
    // qemu-io writes whole sectors.
    const [start, end] = [Math.floor(offset / 512) * 512, Math.ceil((offset + bytes.length) / 512) * 512]
    const old = await this.content(dom, target)
    const sectors = Buffer.from(old.subarray(start, end))
    sectors.set(bytes, offset - start)
    await writeFile(file, sectors)
    await chown(file, this.daemon.uid, this.daemon.gid)
    await this.io(dom, target, `write -s ${file} ${start} ${end - start}`)
    await rm(file)
  }

  /** A command of qemu-io on a disk of a running domain. */
  async io(dom: Domain, target: string, command: string): Promise<void> {
    const query = { execute: 'query-block' }
    const { result } = await this.libvirt.call.qemuDomainMonitorCommand({ dom, cmd: JSON.stringify(query), flags: 0 })
    // What QEMU answers to `query-block`.
    const blocks = JSON.parse(result) as { return: { qdev?: string }[] }
    const index = target.charCodeAt(2) - 'a'.charCodeAt(0)
    const device = blocks.return.map(({ qdev }) => qdev ?? '').filter((qdev) => /virtio/.test(qdev))[index]
    const cmd = `qemu-io -d ${device ?? ''} "${command}"`
    const answer = await this.libvirt.call.qemuDomainMonitorCommand({
      dom,
      cmd,
      flags: c.VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP,
    })
    if (/error|failed|not found/i.test(answer.result)) throw new Error(`${cmd}: ${answer.result}`)
  }

  /** What the guest of a domain reads from a disk. */
  async content(dom: Domain, target: string): Promise<Buffer> {
    const { active } = await this.libvirt.call.domainIsActive({ dom })
    if (active === 1) await this.io(dom, target, 'flush')
    const flags = c.VIR_DOMAIN_XML_INACTIVE
    const { disks } = parseDomain((await this.libvirt.call.domainGetXmlDesc({ dom, flags })).xml)
    const disk = disks.find((one) => one.target === target)
    if (!disk || !('path' in disk.backing)) throw new Error(`${dom.name} has no disk ${target}`)
    const raw = join(this.images, `../raw-${randomBytes(4).toString('hex')}`)
    await run('qemu-img', ['convert', '-U', '-f', disk.format ?? 'raw', '-O', 'raw', disk.backing.path, raw])
    const content = await readFile(raw)
    await rm(raw)
    return content
  }

  /** Names of all domains, volumes, checkpoints and backups. */
  async everything(): Promise<string[]> {
    const { call } = this.libvirt
    await this.refresh()
    const names: string[] = []
    for (const dom of (await call.connectListAllDomains({ needResults: 1, flags: 0 })).domains) {
      names.push(`domain ${dom.uuid}`)
      const { checkpoints } = await call.domainListAllCheckpoints({ dom, needResults: 1 })
      names.push(...checkpoints.map(({ name }) => `checkpoint ${dom.uuid} ${name}`))
      const job = await call.domainBackupGetXmlDesc({ dom }).catch(() => undefined)
      if (job) names.push(`backup ${dom.uuid}`)
    }
    const { pool } = await call.storagePoolLookupByName({ name: 'default' })
    const { vols } = await call.storagePoolListAllVolumes({ pool, needResults: 1 })
    return [...names, ...vols.map(({ key }) => `volume ${key}`)].toSorted()
  }

  async remove(dom: Domain): Promise<void> {
    const { call } = this.libvirt
    const { disks } = parseDomain((await call.domainGetXmlDesc({ dom, flags: c.VIR_DOMAIN_XML_INACTIVE })).xml)
    if ((await call.domainIsActive({ dom })).active === 1) await call.domainDestroyFlags({ dom })
    const flags =
      c.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA |
      c.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
      c.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    await call.domainUndefineFlags({ dom, flags })
    for (const { backing } of disks) if ('path' in backing) await rm(backing.path, { force: true })
    await this.refresh()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.libvirt[Symbol.asyncDispose]()
    await this.daemon[Symbol.asyncDispose]()
  }
}

export const diskSizes = [12 * MiB, 5 * MiB + 64 * 1024] as const

/** A folder beside the images that QEMU may write to. */
export async function folderIn(world: LibvirtWorld, name: string): Promise<string> {
  const folder = join(world.daemon.folder, name)
  await mkdir(folder, { recursive: true })
  await chown(folder, world.daemon.uid, world.daemon.gid)
  return folder
}
