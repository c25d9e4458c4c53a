import { createCipheriv, createHash, randomBytes, randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { encodeFooter, encodeHeader, encodeLocator, encodeTable, writeXva } from '@nixen/disk'
import { memoryDisk } from './support.ts'

// Writes backups as Xen Orchestra lays them out, from the description of its format alone.

const blockSize = 2 * 1024 * 1024
const absent = 0xffff_ffff

export interface XoWriterOptions {
  readonly root: string
  /** `folder`: VHD directories behind aliases; `file`: VHD files. */
  readonly form?: 'folder' | 'file'
  readonly compression?: 'brotli' | 'gzip'
  readonly cipher?: 'chacha20-poly1305' | 'aes-256-gcm'
  readonly key?: string
}

/** One VM's backups. */
export class XoWriter {
  readonly vm: string = randomUUID()
  readonly vdi: string = randomUUID()
  readonly #options: XoWriterOptions
  #last: { bytes: Buffer; uuid: string; file: string } | undefined
  #count = 0

  constructor(options: XoWriterOptions) {
    this.#options = options
  }

  get folder(): string {
    return `xo-vm-backups/${this.vm}`
  }

  get vdiFolder(): string {
    return `${this.folder}/vdis/job-1/${this.vdi}`
  }

  /** Makes the files that say that the repository is encrypted, and prove its key. */
  async init(): Promise<void> {
    const { cipher } = this.#options
    await mkdir(join(this.#options.root, 'xo-vm-backups'), { recursive: true })
    if (!cipher) return
    await writeFile(join(this.#options.root, 'encryption.json'), JSON.stringify({ algorithm: cipher }))
    await this.write('metadata.json', JSON.stringify({ random: randomUUID() }))
  }

  /** A file, sealed where the repository is. */
  async write(name: string, content: string | Uint8Array): Promise<void> {
    const path = join(this.#options.root, name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, this.#sealed(Buffer.from(content)))
  }

  /** The next backup of a chain: everything, or what differs from the one before. Gives the names of its files. */
  async delta(
    bytes: Buffer,
    { full = this.#last === undefined }: { full?: boolean } = {},
  ): Promise<{ json: string; image: string; time: number }> {
    const { time, stamp } = this.#moment()
    const { form = 'folder' } = this.#options
    const uuid = randomBytes(16).toString('hex')
    const parent = full ? undefined : this.#last
    const file = `${stamp}${form === 'folder' ? '.alias' : ''}.vhd`
    const blocks = changedBlocks(bytes, parent?.bytes)
    const image = { size: bytes.length, uuid, parent: parent && { uuid: parent.uuid, file: parent.file }, blocks }
    if (form === 'folder') await this.#folder(stamp, image)
    else await this.#file(stamp, image)
    this.#last = { bytes: Buffer.from(bytes), uuid, file }
    const ref = 'OpaqueRef:disk'
    await this.#json(stamp, time, {
      mode: 'delta',
      vdis: {
        [ref]: {
          uuid: randomUUID(),
          $snapshot_of$uuid: this.vdi,
          $SR$uuid: 'sr-1',
          name_label: 'root',
          virtual_size: bytes.length,
        },
      },
      vbds: { 'OpaqueRef:vbd': { VDI: ref, userdevice: '0', bootable: true, mode: 'RW', type: 'Disk' } },
      vifs: {
        'OpaqueRef:vif': {
          device: '0',
          MAC: '00:16:3e:00:00:01',
          MTU: '1500',
          $network$uuid: 'net-1',
          $network$name_label: 'LAN',
          $network$VLAN: 7,
        },
      },
      vhds: { [ref]: `vdis/job-1/${this.vdi}/${file}` },
      isVhdDifferencing: { [ref]: !full },
    })
    return { json: `${this.folder}/${stamp}.json`, image: `${this.vdiFolder}/${file}`, time }
  }

  /** A full backup: an export of XAPI. */
  async full(bytes: Buffer, compression: 'none' | 'gzip' | 'zstd' = 'none'): Promise<{ json: string; xva: string }> {
    const { time, stamp } = this.#moment()
    const parts: Uint8Array[] = []
    for await (const part of writeXva({
      ovaXml: ovaXml(this.vdi, bytes.length),
      disks: [{ ref: 'Ref:2', source: memoryDisk(bytes) }],
      compression,
    }))
      parts.push(part)
    const xva = `${this.folder}/${stamp}.xva`
    await this.write(xva, Buffer.concat(parts))
    await this.#json(stamp, time, { mode: 'full', xva: `./${stamp}.xva` })
    return { json: `${this.folder}/${stamp}.json`, xva }
  }

  async #json(stamp: string, time: number, more: object): Promise<void> {
    const record = {
      uuid: this.vm,
      name_label: 'web-01',
      VCPUs_max: '2',
      memory_static_max: '1073741824',
      domain_type: 'hvm',
      HVM_boot_params: { firmware: 'uefi' },
      platform: {},
      tags: ['prod'],
      power_state: 'Running',
      name_description: 'a web server',
    }
    const metadata = {
      version: '2.0.0',
      jobId: 'job-1',
      scheduleId: 'schedule-1',
      timestamp: time,
      vm: record,
      vmSnapshot: { ...record, name_label: '[XO Backup nightly] web-01' },
      ...more,
    }
    await this.write(`${this.folder}/${stamp}.json`, JSON.stringify(metadata))
  }

  #moment(): { time: number; stamp: string } {
    const time = Date.UTC(2026, 0, 1 + this.#count++, 2, 30)
    return { time, stamp: new Date(time).toISOString().replaceAll(/[-:]|\.\d+/g, '') }
  }

  async #folder(stamp: string, image: Image): Promise<void> {
    const folder = `${this.vdiFolder}/data/${stamp}.vhd`
    const part = async (name: string, bytes: Uint8Array): Promise<void> =>
      await this.write(`${folder}/${name}`, this.#filtered(Buffer.from(bytes)))
    const { compression } = this.#options
    if (compression) await this.write(`${folder}/chunk-filters.json`, JSON.stringify([compression]))
    const count = Math.ceil(image.size / blockSize)
    await part('footer', footerOf(image))
    await part('header', headerOf(image, count, 0))
    const bat = Buffer.alloc(count)
    for (const block of image.blocks.keys()) bat[block >> 3] = (bat[block >> 3] ?? 0) | (0x80 >> (block & 7))
    await part('bat', bat)
    for (const [block, data] of image.blocks) {
      await part(`blocks/${Math.floor(block / 1000)}/${block % 1000}`, Buffer.concat([Buffer.alloc(512, 0xff), data]))
    }
    await this.write(`${this.vdiFolder}/${stamp}.alias.vhd`, `data/${stamp}.vhd`)
  }

  async #file(stamp: string, image: Image): Promise<void> {
    const count = Math.ceil(image.size / blockSize)
    const locator = Buffer.alloc(512)
    if (image.parent) locator.set(encodeLocator('W2ru', image.parent.file))
    const table = new Uint32Array(count).fill(absent)
    const tableBytes = Math.ceil((count * 4) / 512) * 512
    let sector = (512 + 1024 + 512 + tableBytes) / 512
    const data: Uint8Array[] = []
    for (const [block, bytes] of image.blocks) {
      table[block] = sector
      data.push(Buffer.alloc(512, 0xff), bytes)
      sector += 1 + blockSize / 512
    }
    const footer = footerOf(image)
    const header = headerOf(image, count, 512 + 1024 + 512)
    await this.write(
      `${this.vdiFolder}/${stamp}.vhd`,
      Buffer.concat([footer, header, locator, encodeTable(table), ...data, footer]),
    )
  }

  #filtered(bytes: Buffer): Buffer {
    const { compression } = this.#options
    if (compression === 'brotli') return brotliCompressSync(bytes, { params: { 1: 0 } })
    return compression === 'gzip' ? gzipSync(bytes) : bytes
  }

  #sealed(bytes: Buffer): Buffer {
    const { cipher, key = '' } = this.#options
    if (!cipher) return bytes
    const iv = randomBytes(12)
    const seal = createCipheriv(cipher as 'chacha20-poly1305', Buffer.from(key), iv, { authTagLength: 16 })
    return Buffer.concat([iv, seal.update(bytes), seal.final(), seal.getAuthTag()])
  }
}

interface Image {
  readonly size: number
  readonly uuid: string
  readonly parent: { uuid: string; file: string } | undefined
  readonly blocks: ReadonlyMap<number, Buffer>
}

function footerOf({ size, uuid, parent }: Image): Uint8Array {
  return encodeFooter({
    type: parent ? 'differencing' : 'dynamic',
    size,
    headerOffset: 512,
    time: Date.UTC(2026, 0, 1),
    creator: 'caml',
    uuid,
  })
}

function headerOf({ parent }: Image, blocks: number, tableOffset: number): Uint8Array {
  const locators =
    parent && tableOffset > 0
      ? [{ platform: 'W2ru', offset: 1536, length: encodeLocator('W2ru', parent.file).length }]
      : []
  return encodeHeader({
    tableOffset: tableOffset || 2048,
    blocks,
    blockSize,
    parentUuid: parent?.uuid ?? '0'.repeat(32),
    parentName: parent?.file ?? '',
    locators,
  })
}

function changedBlocks(bytes: Buffer, old: Buffer | undefined): Map<number, Buffer> {
  const blocks = new Map<number, Buffer>()
  const zeros = Buffer.alloc(blockSize)
  for (let block = 0; block * blockSize < bytes.length; block++) {
    const data = Buffer.alloc(blockSize)
    bytes.copy(data, 0, block * blockSize, (block + 1) * blockSize)
    const before = Buffer.alloc(blockSize)
    old?.copy(before, 0, block * blockSize, (block + 1) * blockSize)
    if (old ? !data.equals(before) : !data.equals(zeros)) blocks.set(block, data)
  }
  return blocks
}

function ovaXml(uuid: string, size: number): string {
  const member = (name: string, value: string): string => `<member><name>${name}</name><value>${value}</value></member>`
  const vdi = `<struct>${member('class', 'VDI')}${member('id', 'Ref:2')}${member('snapshot', `<struct>${member('uuid', uuid)}${member('name_label', 'root')}${member('virtual_size', String(size))}</struct>`)}</struct>`
  return `<value><struct>${member('version', '<struct></struct>')}${member('objects', `<array><data><value>${vdi}</value></data></array>`)}</struct></value>`
}

/** SHA-256 of every file below a folder: shows that nothing was written. */
export async function fingerprint(root: string): Promise<string> {
  const { readdir, readFile, stat } = await import('node:fs/promises')
  const sum = createHash('sha256')
  for (const name of (await readdir(root, { recursive: true })).toSorted()) {
    const path = join(root, name)
    const found = await stat(path)
    sum.update(`${name} ${found.mtimeMs} ${found.isFile() ? (await readFile(path)).toString('base64') : ''}\n`)
  }
  return sum.digest('hex')
}
