import { fileErrors } from '../errors.ts'
import type { Device } from '../device.ts'
import { parseConfig, type ConfigSection } from './config.ts'

const sector = 512
const areaMagic = ' LVM2 x[5A%r0N*>'
/** Bytes of a description that are read; LVM's own areas have 1 MiB as a rule. */
const mostText = 4 * 1024 * 1024

/** A disk or partition that LVM uses. */
export interface PhysicalVolume {
  readonly uuid: string
  readonly device: Device
  /** The newest description of its group that it holds; absent when it holds none, or a broken one. */
  readonly group?: { readonly name: string; readonly sequence: number; readonly section: ConfigSection } | undefined
}

/** The label in one of the first four sectors ("LVM2 on-disk format"); `undefined` when there is none. @throws file.damaged */
export async function readPhysicalVolume(device: Device): Promise<PhysicalVolume | undefined> {
  if (device.size < 4 * sector) return undefined
  const start = await device.read(0, 4 * sector)
  for (let at = 0; at < start.length; at += sector) {
    const label = start.subarray(at, at + sector)
    if (label.toString('latin1', 0, 8) !== 'LABELONE' || label.toString('latin1', 24, 32) !== 'LVM2 001') continue
    const header = label.readUInt32LE(20)
    if (header + 40 > sector) throw fileErrors.damaged({ where: device.where, what: 'the label of LVM does not fit' })
    const uuid = label.toString('latin1', header, header + 32)
    for (const area of metadataAreas(label, header + 40)) {
      const group = await readArea(device, area).catch(() => undefined)
      if (group) return { uuid, device, group }
    }
    return { uuid, device }
  }
  return undefined
}

/** Two lists of places, each ended by zeros: of data, of descriptions. */
function* metadataAreas(label: Buffer, from: number): Generator<number> {
  let list = 0
  for (let at = from; at + 16 <= label.length && list < 2; at += 16) {
    const offset = Number(label.readBigUInt64LE(at))
    if (offset === 0) list++
    else if (list === 1) yield offset
  }
}

async function readArea(device: Device, place: number): Promise<PhysicalVolume['group']> {
  const header = await device.read(place, sector)
  if (header.toString('latin1', 4, 20) !== areaMagic) return undefined
  const areaSize = Number(header.readBigUInt64LE(32))
  const [offset, size] = [Number(header.readBigUInt64LE(40)), Number(header.readBigUInt64LE(48))]
  if (offset < sector || size === 0 || size > Math.min(areaSize, mostText) || offset > areaSize) return undefined
  // It goes round: after its end comes what follows its header.
  const first = Math.min(size, areaSize - offset)
  const parts = [await device.read(place + offset, first)]
  if (first < size) parts.push(await device.read(place + sector, size - first))
  const text = Buffer.concat(parts).toString('utf8').replace(/\0.*$/s, '')
  for (const [name, section] of parseConfig(text)) {
    if (!(section instanceof Map)) continue
    const sequence = section.get('seqno')
    return { name, sequence: typeof sequence === 'number' ? sequence : 0, section }
  }
  return undefined
}
