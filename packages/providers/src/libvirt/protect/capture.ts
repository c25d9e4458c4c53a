import { newOwnId } from '@nixen/api'
import {
  parseDomain,
  parseStorageVolume,
  type Domain,
  type DomainDisk,
  type DomainXml,
  type StorageVol,
} from '@nixen/libvirt'
import type { ConfigDisk, ConfigNic, VmConfig } from '../../protect/vm-config.ts'
import { definitionOf, type LibvirtContext } from '../actions/context.ts'
import { updateMetadata } from '../actions/vm-settings.ts'
import { volumeBehind } from '../actions/vm-lifecycle.ts'
import { isGone } from '../errors.ts'
import { readMetadata } from '../metadata.ts'

/** A disk of a domain that can be backed up. */
export interface CapturedDisk {
  readonly disk: ConfigDisk
  readonly device: DomainDisk
  readonly vol: StorageVol | undefined
}

/** A domain as it was a moment before it is frozen. */
export interface Captured {
  readonly dom: Domain
  readonly domain: DomainXml
  readonly disks: readonly CapturedDisk[]
  config(disks: readonly ConfigDisk[], lineage: string): VmConfig
}

export async function captureDomain(context: LibvirtContext, dom: Domain, product: string): Promise<Captured> {
  const { main } = context.link
  const definition = await definitionOf(main, dom)
  const domain = parseDomain(definition.toString())
  const metadata = readMetadata(definition)
  const disks = await captureDisks(context, domain)
  const nics = await captureNics(context, domain)
  return {
    dom,
    domain,
    disks,
    config: (taken, lineage) => ({
      format: 'nixen.vm/1',
      provider: 'libvirt',
      product,
      takenAt: context.clock.now(),
      lineage,
      key: dom.uuid,
      name: dom.name,
      description: domain.description,
      tags: metadata.tags,
      cpus: domain.vcpus,
      memory: domain.memory,
      firmware: domain.firmware ?? 'paravirtual',
      secureBoot: domain.secureBoot,
      powerState: 'running',
      disks: taken,
      nics,
      native: { xml: definition.toString() },
    }),
  }
}

async function captureDisks({ link }: LibvirtContext, domain: DomainXml): Promise<CapturedDisk[]> {
  const captured: CapturedDisk[] = []
  for (const [position, device] of domain.disks.entries()) {
    if (device.device !== 'disk' || device.backing.kind === 'none') continue
    const vol = await volumeBehind(link.main, device)
    const info = vol && parseStorageVolume((await link.main.call.storageVolGetXmlDesc({ vol })).xml)
    const disk: ConfigDisk = {
      key: device.target,
      name: vol?.name ?? device.target,
      description: '',
      size: info?.capacity ?? 0,
      position: String(position),
      kind: 'disk',
      bootable: device.bootOrder !== undefined || position === 0,
      readOnly: device.isReadOnly,
      storage: { key: vol?.pool ?? '', name: vol?.pool ?? 'a file of the host' },
    }
    captured.push({ disk, device, vol })
  }
  return captured
}

async function captureNics({ link }: LibvirtContext, domain: DomainXml): Promise<ConfigNic[]> {
  const nics: ConfigNic[] = []
  for (const [position, { type, source, mac = '', mtu = 1500 }] of domain.nics.entries()) {
    if (type !== 'network' || source === undefined) continue
    const found = await link.main.call.networkLookupByName({ name: source }).catch((error: unknown) => {
      if (isGone(error)) return undefined
      throw error
    })
    nics.push({ position: String(position), mac, mtu, network: { key: found?.net.uuid ?? source, name: source } })
  }
  return nics
}

/** Nixen's id of the line of a VM's backups. It is kept with the uuid that it belongs to: a clone takes it over, and so is known for one. */
export async function ensureLineage(context: LibvirtContext, dom: Domain): Promise<string> {
  const known = lineageIn(readMetadata(await definitionOf(context.link.main, dom)).lineage, dom.uuid)
  if (known !== undefined) return known
  const lineage = newOwnId<'lineage'>()
  await updateMetadata(context, dom, (old) => ({ ...old, lineage: lineageText(lineage, dom.uuid) }))
  return lineage
}

export const lineageText = (lineage: string, uuid: string): string => `${lineage} ${uuid}`

function lineageIn(text: string | undefined, uuid: string): string | undefined {
  const [lineage = '', of] = (text ?? '').split(' ')
  return of === uuid && lineage !== '' ? lineage : undefined
}
