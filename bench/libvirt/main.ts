import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ConnectionId, formatId } from '@nixen/api'
import { startOwnDaemon, type OwnDaemon } from '@nixen/cli/local-lab'
import { MiB, silentLog, systemClock, systemRandom } from '@nixen/core'
import { Libvirt, xml } from '@nixen/libvirt'
import { libvirtProvider, type FrozenVm, type ProviderSession } from '@nixen/providers'
import { figure, median, type Figure } from '../figure.ts'

const run_ = promisify(execFile)
const quick = process.env['NIXEN_BENCH_QUICK'] === '1'
const domains = quick ? 200 : 1000
const calls = quick ? 1000 : 5000
const diskSize = (quick ? 256 : 1024) * MiB
const dirty = (quick ? 128 : 512) * MiB
/** Connections to the export, of both. */
const connections = 2
const of = (name: string, unit: string, ours: number, peer?: number): Figure =>
  figure('libvirt', name, unit, ours, peer)
const ports = { clock: systemClock, random: systemRandom, log: silentLog }
const id = ConnectionId.parse('bench')

/** A real libvirt daemon of its own: inventory of many domains, round trips beside virsh, an incremental backup beside nbdcopy. */
export async function run(): Promise<Figure[]> {
  await using daemon = await startOwnDaemon()
  await using libvirt = await Libvirt.connect({ uri: daemon.uri })
  return [
    ...(await roundTrips(daemon, libvirt)),
    ...(await inventory(daemon, libvirt)),
    ...(await backup(daemon, libvirt)),
    of('load average over a minute at the end', '1', loadavg()[0] ?? 0),
  ]
}

/** Seconds that something takes. */
async function seconds(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now()
  await work()
  return (performance.now() - begun) / 1000
}

/** `virsh` reads commands from its standard input: one process, one connection, one call after the other. */
async function roundTrips(daemon: OwnDaemon, libvirt: Libvirt): Promise<Figure[]> {
  const ours: number[] = []
  const theirs: number[] = []
  for (let round = 0; round < 3; round++) {
    ours.push(
      calls /
        (await seconds(async () => {
          for (let i = 0; i < calls; i++) await libvirt.call.connectGetHostname()
        })),
    )
    const start = await seconds(async () => await virsh(daemon, 'hostname\n'))
    theirs.push(calls / ((await seconds(async () => await virsh(daemon, 'hostname\n'.repeat(calls)))) - start))
  }
  const pipelined =
    calls /
    (await seconds(
      async () => await Promise.all(Array.from({ length: calls }, async () => await libvirt.call.connectGetHostname())),
    ))
  return [
    of('calls one after the other (peer: virsh, one process)', '1/s', median(ours), median(theirs)),
    of('calls that overlap', '1/s', pipelined),
  ]
}

async function virsh({ uri }: OwnDaemon, commands: string): Promise<void> {
  const child = spawn('virsh', ['-q', '-c', uri], { stdio: ['pipe', 'ignore', 'inherit'] })
  const ended = once(child, 'exit')
  child.stdin.end(commands)
  const [code] = await ended
  if (code !== 0) throw new Error(`virsh ended with ${String(code)}`)
}

async function inventory(daemon: OwnDaemon, libvirt: Libvirt): Promise<Figure[]> {
  const names = Array.from({ length: domains }, (_, i) => `bench-${String(i).padStart(4, '0')}`)
  for (const name of names) await libvirt.call.domainDefineXmlFlags({ xml: domainXml(name, []) })
  const times: number[] = []
  for (let round = 0; round < 3; round++) times.push(await seconds(async () => await connectAndRead(daemon)))
  const { domains: all } = await libvirt.call.connectListAllDomains({ needResults: 1, flags: 0 })
  for (const dom of all) await libvirt.call.domainUndefineFlags({ dom })
  return [of(`from connecting to the whole inventory of ${domains} QEMU domains`, 's', median(times))]
}

async function connectAndRead(daemon: OwnDaemon): Promise<void> {
  await using session = await open(daemon)
  const stop = new AbortController()
  let vms = 0
  for await (const change of session.changes({ signal: stop.signal })) {
    if (change.kind === 'changes') vms += change.changes.filter(({ type }) => type === 'vm').length
    if (change.kind === 'synced') break
  }
  if (vms < domains) throw new Error(`${vms} of ${domains} VMs were told`)
}

async function open({ uri: address }: OwnDaemon): Promise<ProviderSession> {
  return await libvirtProvider.open({ id, kind: 'libvirt', address, username: '', password: '' }, ports)
}

/** A domain without a guest, whose disks are written through QEMU. */
function domainXml(name: string, disks: readonly string[]): string {
  const devices = disks.map(
    (path) =>
      `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${path}'/><target dev='vda' bus='virtio'/></disk>`,
  )
  return `<domain type='qemu'><name>${name}</name><memory unit='MiB'>32</memory><vcpu>1</vcpu><os><type arch='x86_64' machine='q35'>hvm</type></os>
    <devices><controller type='usb' model='none'/>${devices.join('')}<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel></devices></domain>`
}

/** What changed since a checkpoint, read by us and, from the same export, by nbdcopy's data path. */
async function backup(daemon: OwnDaemon, libvirt: Libvirt): Promise<Figure[]> {
  const path = join(daemon.folder, 'images/bench.qcow2')
  await run_('qemu-img', ['create', '-q', '-f', 'qcow2', path, String(diskSize)])
  await chown(path, daemon.uid, daemon.gid)
  const target = xml('target', {}, xml('path', {}, join(daemon.folder, 'images')))
  const { pool } = await libvirt.call.storagePoolDefineXml({
    xml: xml('pool', { type: 'dir' }, xml('name', {}, 'default'), target).toString(),
  })
  await libvirt.call.storagePoolCreate({ pool })
  const { dom } = await libvirt.call.domainDefineXmlFlags({ xml: domainXml('bench', [path]) })
  await libvirt.call.domainCreateWithFlags({ dom })
  const write = async (pattern: number, length: number): Promise<void> => {
    const cmd = `qemu-io -d /machine/peripheral/virtio-disk0/virtio-backend "write -P ${pattern} 0 ${length}"`
    await libvirt.call.qemuDomainMonitorCommand({ dom, cmd, flags: 1 })
  }
  await using session = await open(daemon)
  const vm = formatId({ type: 'vm', connection: id, key: dom.uuid })
  // Written twice, the second time after the checkpoint: what is dirty is all that is allocated, and nbdcopy, which knows no bitmaps, reads the
  // same bytes.
  await write(1, dirty)
  const journal = { undo: async () => await Promise.resolve({ forget: async () => await Promise.resolve() }) }
  const first = await session.protect.freeze(vm, { owner: 'bench', journal })
  await session.protect.keep(first, { data: 'purge' })
  await write(2, dirty)
  const frozen = await session.protect.freeze(vm, { owner: 'bench', journal })
  const since = first.disks[0]?.token
  const [rates, peer]: [number[], number[]] = [[], []]
  let told = 0
  // In turns, so that what else the machine does falls on both; the first round warms up.
  for (let round = 0; round < 6; round++) {
    const { bytes, took } = await readChanged(session, frozen, since)
    told = bytes
    const theirs = await nbdcopy(libvirt, dom)
    if (round === 0) continue
    rates.push(bytes / MiB / took)
    peer.push(theirs)
  }
  await session.protect.release(frozen)
  await libvirt.call.domainDestroyFlags({ dom })
  return [
    of('bytes told as changed, of those that were written', 'ratio', told / dirty),
    of(
      'reading what changed of a running guest (peer: nbdcopy: the same bytes of the same export, to nowhere)',
      'MiB/s',
      median(rates),
      median(peer),
    ),
  ]
}

async function readChanged(
  session: ProviderSession,
  frozen: FrozenVm,
  since: FrozenVm['disks'][number]['token'] | undefined,
) {
  const key = frozen.disks[0]?.key ?? ''
  const begun = performance.now()
  await using opened = await session.protect.openDisk(frozen, key, { since, connections })
  if (!opened.changed) throw new Error(`changes are not told: ${opened.because.map(({ text }) => text).join(' ')}`)
  const parts: { offset: number; length: number }[] = []
  for (const { offset, length } of opened.changed) {
    for (let at = offset; at < offset + length; at += 2 * MiB)
      parts.push({ offset: at, length: Math.min(2 * MiB, offset + length - at) })
  }
  const bytes = parts.reduce((sum, { length }) => sum + length, 0)
  const lane = async (): Promise<void> => {
    const buffer = new Uint8Array(2 * MiB)
    for (let part = parts.shift(); part; part = parts.shift())
      await opened.source.read(part.offset, buffer.subarray(0, part.length))
  }
  await Promise.all([lane(), lane(), lane(), lane()])
  // Connecting and the list of what changed are in it, as they are for nbdcopy.
  const took = (performance.now() - begun) / 1000
  return { bytes, took }
}

/** MiB of data a second that nbdcopy reads: all that is allocated, which is what is dirty. */
async function nbdcopy(
  libvirt: Libvirt,
  dom: Parameters<Libvirt['call']['domainBackupGetXmlDesc']>[0]['dom'],
): Promise<number> {
  const { xml: text } = await libvirt.call.domainBackupGetXmlDesc({ dom })
  const socket = /socket='([^']+)'/.exec(text)?.[1] ?? ''
  const uri = `nbd+unix:///vda?socket=${socket}`
  const took = await seconds(async () => await run_('nbdcopy', [`--connections=${connections}`, uri, 'null:']))
  return dirty / MiB / took
}
