import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { newVm } from './acting-things.ts'
import type { ActingWorld } from './acting-world.ts'

const run = promisify(execFile)

/** Devices of a host that VMs use themselves: PCI, USB, graphics. */
export async function passthrough(world: ActingWorld): Promise<void> {
  const { vm, host } = world.actions
  const id = await newVm(world, 'with devices')
  const { id: home } = world.one('host', ({ master }) => !master)
  const known = async (kind: string) => (await world.session.inspect.devices(home)).filter((one) => one.kind === kind)
  const device = async (kind: string, name: RegExp) => {
    const found = (await known(kind)).find((one) => name.test(one.name))
    assert.ok(found, `the host has no ${kind} ${String(name)}`)
    return found
  }
  const usersOf = async (kind: string, key: string): Promise<readonly string[]> =>
    (await known(kind)).find((one) => one.key === key)?.vms ?? []

  // A PCI device is the host's until it was hidden and the host rebooted; others that are hidden stay so.
  const { key: address } = await device('pci', /NVIDIA/)
  const { key: nic } = await device('pci', /Mellanox/)
  await assert.rejects(
    world.run(async (task) => vm.attachPci({ id, addresses: [address] }, task)),
    /hide-pci/,
  )
  await world.run(async (task) => host.hidePci({ id: home, hide: [nic], show: [] }, task))
  await world.run(async (task) => host.hidePci({ id: home, hide: [address], show: [] }, task))
  await world.run(async (task) => host.enterMaintenance({ id: home }, task))
  await world.run(async (task) => host.reboot({ id: home }, task))
  const hidden = (await known('pci')).filter((one) => one.hidden === true && one.restart !== true).map(({ key }) => key)
  assert.deepEqual(hidden.toSorted(), [nic, address].toSorted())
  await world.run(async (task) => vm.attachPci({ id, addresses: [address] }, task))
  await world.run(async (task) => vm.start({ id, host: home, paused: false }, task))
  assert.deepEqual(await usersOf('pci', address), [id])
  await world.run(async (task) => vm.hardShutdown({ id }, task))
  await world.run(async (task) => vm.detachPci({ id, addresses: [address] }, task))

  const { key: usb } = await device('usb', /HASP/)
  await world.run(async (task) => vm.attachUsb({ id, device: usb }, task))
  const { key: group, kinds = [] } = await device('gpu', /NVIDIA/)
  const kind = kinds.find(({ name }) => name.includes('4Q'))?.key
  assert.ok(kind, 'the group has a share')
  await world.run(async (task) => vm.attachGpu({ id, group, kind }, task))
  await world.run(async (task) => vm.start({ id, paused: false }, task))
  await world.sees(id, (one) => one.power === 'running' && one.host === home, 'it runs where its devices are')
  assert.deepEqual([await usersOf('usb', usb), await usersOf('gpu', group)], [[id], [id]])
  await world.run(async (task) => vm.detachUsb({ id, device: usb }, task))
  await world.run(async (task) => vm.hardShutdown({ id }, task))
  await world.run(async (task) => vm.detachGpu({ id }, task))
  assert.deepEqual([await usersOf('usb', usb), await usersOf('gpu', group)], [[], []])
  await assert.rejects(
    world.run(async (task) => vm.attachUsb({ id, device: 'none' }, task)),
    /no host has a USB device none/,
  )
}

/** The certificate that a host answers with. That of a member: the connection goes on. */
export async function certificates(world: ActingWorld): Promise<void> {
  const { id } = world.one('host', ({ master }) => !master)
  const folder = await mkdtemp(join(tmpdir(), 'nixen-certificate-'))
  try {
    const [cert, pem] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
    const request = ['req', '-x509', '-nodes', '-newkey', 'rsa:2048', '-subj', '/CN=host.example', '-days', '30']
    await run('openssl', [...request, '-keyout', pem, '-out', cert])
    const [certificate, key] = [await readFile(cert, 'utf8'), await readFile(pem, 'utf8')]
    const { fingerprint256 } = new X509Certificate(certificate)
    const { host } = world.actions
    await world.run(async (task) => host.installCertificate({ id, certificate, key, chain: '' }, task))
    await world.sees(id, (one) => one.certificate === fingerprint256, 'the certificate')
    await assert.rejects(
      world.run(async (task) => host.installCertificate({ id, certificate, key: 'nonsense', chain: '' }, task)),
      (error: { code?: string }) => error.code === 'xapi.SERVER_CERTIFICATE_KEY_INVALID',
    )
    await world.run(async (task) => host.resetCertificate({ id }, task))
    await world.sees(id, (one) => one.certificate !== fingerprint256, 'a new one of its own')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
