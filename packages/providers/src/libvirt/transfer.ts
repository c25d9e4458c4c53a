import { connectionErrors, formatId, vmErrors, type DiskId } from '@nixen/api'
import { parseDomain, parseStorageVolume } from '@nixen/libvirt'
import type { TransferActions } from '../transfer/transfer-actions.ts'
import type { Translate } from './actions/actions.ts'
import { definitionOf, domainOf, isActive, volumeOf, type LibvirtContext } from './actions/context.ts'
import { volumeBehind } from './actions/vm-lifecycle.ts'

/** Imports and exports: images of volumes as they are; whole VMs go by backup and restore. */
export function libvirtTransfer(context: LibvirtContext, translate: Translate): TransferActions {
  const no = (action: string, reason: string): Error => connectionErrors.unsupported({ action, reason })
  const { main } = context.link
  return {
    // oxlint-disable-next-line eslint/require-yield -- it refuses
    async *exportVm() {
      throw no('vm export', 'libvirt has no format for whole VMs. Back it up, or export its disks.')
    },
    importVm: async () =>
      await Promise.reject(no('vm import', 'libvirt has no format for whole VMs. Import its disks.')),
    async describeVm(id) {
      try {
        // A snapshot is inside the images of its VM.
        const dom = await domainOf(context, id as Parameters<typeof domainOf>[1])
        const domain = parseDomain((await definitionOf(main, dom)).toString())
        const disks = []
        for (const disk of domain.disks.filter(({ device }) => device === 'disk')) {
          const vol = await volumeBehind(main, disk)
          if (!vol) continue
          const { capacity, name } = parseStorageVolume((await main.call.storageVolGetXmlDesc({ vol })).xml)
          disks.push({
            id: formatId({ type: 'disk', connection: context.connection, key: vol.key }),
            name,
            size: capacity,
          })
        }
        const { description, vcpus, memory, firmware = 'bios', nics } = domain
        const cards = nics.map(({ source = '', mac = '' }) => ({ network: source, mac }))
        return { name: dom.name, description, cpus: vcpus, memory, firmware, disks, nics: cards }
      } catch (error) {
        throw translate(error, id)
      }
    },
    diskFormats: ['raw', 'qcow2'],
    async exportDisk({ id, format }, task) {
      try {
        const { vol, capacity, found } = await idleVolume(context, id)
        if (found !== format) throw no('disk export', `The disk is kept as ${found}; ask for that format.`)
        const { link } = context
        async function* bytes(): AsyncGenerator<Uint8Array> {
          await using libvirt = await link.main.another({ keepalive: false }, { signal: task.signal })
          const { stream } = await libvirt.stream(
            'storageVolDownload',
            { vol, offset: 0n, length: 0n },
            { signal: task.signal },
          )
          yield* stream.bytes()
        }
        return { bytes: bytes(), size: capacity }
      } catch (error) {
        throw translate(error, id)
      }
    },
    readDisk: async () =>
      await Promise.reject(no('disk read', 'Back its VM up, or export the disk in the format that it has.')),
    importDisk: async () =>
      await Promise.reject(no('disk import', 'Restore a backup, or copy the image into the pool and scan it.')),
    overwriteDisk: async () => await Promise.reject(no('disk overwrite', 'Restore a backup into the VM instead.')),
    makeVm: async () =>
      await Promise.reject(no('vm import', 'Copy the images into the pool, scan it and create a VM with them.')),
  }
}

/** A volume that no running VM writes to: its file is whole. */
async function idleVolume(context: LibvirtContext, id: DiskId) {
  const { main } = context.link
  const vol = await volumeOf(context, id)
  const {
    path,
    capacity,
    format = 'raw',
    backing,
  } = parseStorageVolume((await main.call.storageVolGetXmlDesc({ vol })).xml)
  for (const dom of (await main.call.connectListAllDomains({ needResults: 1, flags: 0 })).domains) {
    const { disks } = parseDomain((await main.call.domainGetXmlDesc({ dom })).xml)
    if (!disks.some((disk) => 'path' in disk.backing && disk.backing.path === path) || !(await isActive(main, dom)))
      continue
    throw vmErrors.bad_power_state({ id: dom.uuid, name: dom.name, expected: ['halted'], actual: 'running' })
  }
  if (backing)
    throw connectionErrors.unsupported({
      action: 'disk export',
      reason: 'It holds only what differs from another image.',
    })
  return { vol, capacity, found: format }
}
