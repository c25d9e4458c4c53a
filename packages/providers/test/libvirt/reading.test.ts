import { createServer } from 'node:net'
import { constants as c, Libvirt, xml, type Domain } from '@nixen/libvirt'
import type { Random } from '@nixen/core'
import { makeCertificate } from '@nixen/testkit/tls'
import { startOwnDaemon } from '@nixen/cli/local-lab'
import { describe, expect, test } from 'vitest'
import { readingConformance, type ConformanceTarget } from '../../src/conformance/index.ts'
import { libvirtProvider } from '../../src/index.ts'
import { specOf } from './world.ts'
import { libvirtTruth } from './truth.ts'

// NIXEN_SEED chooses other changes; NIXEN_LONG_TESTS=1 makes many of them.
const seed = Number(process.env['NIXEN_SEED'] ?? 1)
const changes = process.env['NIXEN_LONG_TESTS'] ? 1000 : 45

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address ? address.port : 0
}

const domainXml = (
  name: string,
  disk?: string,
): string => `<domain type='qemu'><name>${name}</name><memory unit='MiB'>16</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os><devices><controller type='usb' model='none'/>
  ${disk === undefined ? '' : `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${disk}'/><target dev='vda' bus='virtio'/></disk>`}
  <interface type='user'><model type='virtio'/></interface></devices></domain>`

/** A daemon that is reached by TLS, with domains, volumes, snapshots and a network. */
async function libvirtTarget(): Promise<ConformanceTarget> {
  const port = await freePort()
  const certificate = await makeCertificate()
  const daemon = await startOwnDaemon({
    listen: true,
    files: { 'server.pem': certificate.cert, 'server.key': certificate.key },
    config: {
      listen_tls: 1,
      listen_addr: '127.0.0.1',
      tls_port: String(port),
      auth_tls: 'none',
      ca_file: '{folder}/server.pem',
      cert_file: '{folder}/server.pem',
      key_file: '{folder}/server.key',
      tls_no_sanity_certificate: 1,
      tls_no_verify_certificate: 1,
    },
  })
  let libvirt = await Libvirt.connect({ uri: daemon.uri })
  const images = `${daemon.folder}/images`
  const { pool } = await libvirt.call.storagePoolDefineXml({
    xml: xml(
      'pool',
      { type: 'dir' },
      xml('name', {}, 'default'),
      xml('target', {}, xml('path', {}, images)),
    ).toString(),
  })
  await libvirt.call.storagePoolSetAutostart({ pool, autostart: 1 })
  await libvirt.call.storagePoolCreate({ pool })
  const volume = async (name: string): Promise<void> => {
    const text = xml(
      'volume',
      {},
      xml('name', {}, name),
      xml('capacity', {}, 1 << 20),
      xml('target', {}, xml('format', { type: 'qcow2' })),
    )
    await libvirt.call.storageVolCreateXml({ pool, xml: text.toString() })
  }
  for (let i = 0; i < 6; i++) {
    await volume(`disk-${i}.qcow2`)
    const { dom } = await libvirt.call.domainDefineXmlFlags({ xml: domainXml(`vm-${i}`, `${images}/disk-${i}.qcow2`) })
    if (i === 0)
      await libvirt.call.domainSnapshotCreateXml({
        dom,
        xmlDesc: '<domainsnapshot><name>first</name></domainsnapshot>',
      })
    if (i === 1) await libvirt.call.domainCreateWithFlags({ dom })
  }
  await libvirt.call.networkDefineXml({ xml: "<network><name>inside</name><bridge name='nixtest0'/></network>" })
  const again = async (): Promise<void> => {
    await daemon.start()
    libvirt = await Libvirt.connect({ uri: daemon.uri })
  }
  return {
    provider: libvirtProvider,
    spec: specOf({ uri: `qemu+tls://127.0.0.1:${port}/session` }, { fingerprint: certificate.fingerprint }),
    truth: async () => await libvirtTruth(libvirt),
    moves: (id, field) => id.startsWith('storage.') && field === 'used',
    disturb: async (random) => await disturb(libvirt, random, images),
    async interrupt() {
      await daemon.stop('SIGKILL')
      await again()
    },
    async longName() {
      const name = 'ü'.repeat(110)
      const { dom } = await libvirt.call.domainLookupByName({ name: 'vm-3' })
      await libvirt.call.domainRename({ dom, newName: name })
      return name
    },
    async stop() {
      await libvirt[Symbol.asyncDispose]()
      await daemon.stop()
    },
    start: again,
    async [Symbol.asyncDispose]() {
      await libvirt[Symbol.asyncDispose]()
      await daemon[Symbol.asyncDispose]()
    },
  }
}

let made = 0

/** Changes one thing by chance. What makes no sense at the moment is refused by the daemon, and that is no failure. */
async function disturb({ call }: Libvirt, random: Random, images: string): Promise<void> {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T
  const { domains } = await call.connectListAllDomains({ needResults: 1, flags: 0 })
  const dom: Domain = pick(domains)
  const { pool } = await call.storagePoolLookupByName({ name: 'default' })
  const name = `made-${++made}`
  const ways: readonly (() => Promise<unknown>)[] = [
    async () => await call.domainDefineXmlFlags({ xml: domainXml(name) }),
    async () => await call.domainSetAutostart({ dom, autostart: random() < 0.5 ? 1 : 0 }),
    async () =>
      await call.domainSetMetadata({
        dom,
        type: c.VIR_DOMAIN_METADATA_DESCRIPTION,
        metadata: name,
        flags: c.VIR_DOMAIN_AFFECT_CONFIG,
      }),
    async () => await call.domainRename({ dom, newName: name }),
    async () =>
      await call.domainSetMemoryFlags({ dom, memory: BigInt(8192 + made), flags: c.VIR_DOMAIN_AFFECT_CONFIG }),
    async () => await call.domainCreateWithFlags({ dom, flags: c.VIR_DOMAIN_START_PAUSED }),
    async () => await call.domainDestroyFlags({ dom }),
    async () => await call.domainSuspend({ dom }),
    async () => await call.domainResume({ dom }),
    async () =>
      await call.domainSnapshotCreateXml({
        dom,
        xmlDesc: `<domainsnapshot><name>${name}</name></domainsnapshot>`,
        flags: 0,
      }),
    async () => {
      if (domains.length > 4) await call.domainUndefineFlags({ dom, flags: c.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA })
    },
    async () => {
      const text = xml(
        'volume',
        {},
        xml('name', {}, `${name}.qcow2`),
        xml('capacity', {}, 1 << 20),
        xml('target', {}, xml('format', { type: 'qcow2' })),
      )
      await call.storageVolCreateXml({ pool, xml: text.toString() })
    },
    async () => await call.domainDefineXmlFlags({ xml: domainXml(name, `${images}/disk-${made % 6}.qcow2`) }),
    async () =>
      await call.networkDefineXml({ xml: `<network><name>${name}</name><bridge name='nt${made}'/></network>` }),
    async () => {
      const { nets } = await call.connectListAllNetworks({ needResults: 1 })
      if (nets.length > 1) await call.networkUndefine({ net: pick(nets) })
    },
  ]
  await pick(ways)().catch(() => undefined)
}

describe(`libvirt with QEMU (seed ${seed})`, () => {
  // A daemon's passwords are SASL's, which Debian's packages of the tests do not have; the client's part is tested in packages/libvirt.
  const cases = readingConformance({ seed, changes }).filter(({ name }) => !name.includes('password'))
  test.each(cases.map((rule) => [rule.name, rule] as const))(
    '%s',
    async (_, rule) => {
      await expect(rule.run(libvirtTarget)).resolves.toBeUndefined()
    },
    120_000 + changes * 500,
  )
})
