import { GiB, MiB, TiB } from '@nixen/core'
import type { Ref } from '../generated/rows.ts'
import { readSrTypes } from '../model/data-files.ts'
import { between, type GenerateContext, type StorageSet } from './context.ts'

interface SrTypesFile {
  readonly types: readonly { readonly type: string; readonly driver: string; readonly features: readonly string[] }[]
}

const isoNames = [
  ['debian-12.8.0-amd64-netinst.iso', 631],
  ['ubuntu-24.04.1-live-server-amd64.iso', 2647],
  ['AlmaLinux-9.5-x86_64-minimal.iso', 1930],
  ['Rocky-9.5-x86_64-dvd.iso', 11_000],
  ['SERVER_EVAL_x64FRE_en-us.iso', 4812],
  ['virtio-win-0.1.266.iso', 707],
] as const

/** Adds the drivers a host comes with. */
export function addDrivers({ db }: GenerateContext): void {
  // The file is part of the product and checked by the tests.
  const { types } = readSrTypes() as SrTypesFile
  for (const { type, driver, features } of types) {
    const versions = features.map((feature): [string, number] => {
      const [name = feature, version = '1'] = feature.split('/')
      return [name, Number(version)]
    })
    db.insert('SM', {
      name_label: type,
      name_description: `SR plugin for ${type}`,
      type,
      vendor: 'XCP-ng',
      copyright: '',
      version: '3.2.12',
      required_api_version: '1.0',
      driver_filename: `/opt/xensource/sm/${driver.replace('.py', '')}`,
      features: Object.fromEntries(versions),
      capabilities: versions.map(([name]) => name),
      configuration: {},
      supported_image_formats: ['raw', 'vhd', 'qcow2'],
    })
  }
}

/** Adds the pool's SRs, plugged on its hosts. `capacity` bytes each shared one. */
export function addStorage(
  context: GenerateContext,
  { hosts, site, capacity }: { hosts: readonly Ref<'host'>[]; site: string; capacity: number },
): StorageSet {
  const { db } = context
  const shared =
    hosts.length > 1
      ? ['ssd', 'archive'].map((kind) =>
          addSr(context, hosts, {
            name: `NFS ${site} ${kind}`,
            type: 'nfs',
            size: kind === 'ssd' ? capacity : 2 * capacity,
            config: { server: `nas-${site}.example`, serverpath: `/export/${kind}`, nfsversion: '4.1' },
          }),
        )
      : []
  const local = hosts.map((host) => {
    const sr = addSr(context, [host], {
      name: `Local storage of ${db.get('host', host).name_label}`,
      type: 'ext',
      size: Math.max(2 * TiB, hosts.length > 1 ? 0 : capacity),
      config: { device: '/dev/disk/by-id/nvme-eui.0025388' },
    })
    addSr(context, [host], {
      name: 'DVD drives',
      type: 'udev',
      size: 0,
      config: { location: '/dev/xapi/cd' },
      content: 'iso',
    })
    addSr(context, [host], {
      name: 'Removable storage',
      type: 'udev',
      size: 0,
      config: { location: '/dev/xapi/block' },
      content: 'disk',
    })
    return sr
  })
  const tools = addSr(context, hosts, {
    name: 'XCP-ng Tools',
    type: 'iso',
    size: 0,
    config: { location: '/opt/xensource/packages/iso', legacy_mode: 'true' },
    content: 'iso',
    shared: true,
  })
  db.update(tools, { is_tools_sr: true, other_config: { xenserver_tools_sr: 'true' } })
  addIso(context, tools, { name: 'guest-tools.iso', size: 60 * MiB, tools: true })
  const iso = addSr(context, hosts, {
    name: `ISO library ${site}`,
    type: 'iso',
    size: 512 * GiB,
    config: { location: `nas-${site}.example:/export/iso` },
    content: 'iso',
    shared: true,
  })
  const isos = isoNames.map(([name, size]) => addIso(context, iso, { name, size: size * MiB }))
  return { shared, local, iso, isos }
}

interface SrPlan {
  readonly name: string
  readonly type: string
  readonly size: number
  readonly config: Readonly<Record<string, string>>
  readonly content?: string
  readonly shared?: boolean
}

function addSr(
  { db, random }: GenerateContext,
  hosts: readonly Ref<'host'>[],
  { name, type, size, config, content = 'user', shared = hosts.length > 1 }: SrPlan,
): Ref<'SR'> {
  const sr = db.insert('SR', {
    name_label: name,
    name_description: '',
    type,
    content_type: content,
    shared,
    physical_size: size,
    physical_utilisation: Math.round(size * (0.02 + 0.01 * random())),
    virtual_allocation: 0,
    other_config: type === 'udev' ? { 'auto-scan': 'true' } : {},
    sm_config: {},
  })
  for (const host of hosts) db.insert('PBD', { host, SR: sr, device_config: config, currently_attached: true })
  return sr
}

function addIso(
  { db, random }: GenerateContext,
  sr: Ref<'SR'>,
  { name, size, tools = false }: { name: string; size: number; tools?: boolean },
): Ref<'VDI'> {
  return db.insert('VDI', {
    name_label: name,
    name_description: '',
    SR: sr,
    virtual_size: size + between(random, 0, 100) * 2048,
    physical_utilisation: size,
    type: 'user',
    sharable: false,
    read_only: true,
    managed: true,
    location: name,
    is_tools_iso: tools,
  })
}
