import { fileErrors } from '../errors.ts'
import { checkRange, type Device } from '../device.ts'
import type { ConfigSection, ConfigValue } from './config.ts'
import type { PhysicalVolume } from './metadata.ts'

/** A logical volume: a device, or why there is none. */
export interface LogicalVolume {
  readonly group: string
  readonly name: string
  readonly size: number
  readonly device?: Device | undefined
  readonly problem?: string | undefined
}

interface Segment {
  readonly offset: number
  readonly length: number
  readonly stripes: readonly { readonly device: Device; readonly start: number }[]
  readonly stripeSize: number
}

const sector = 512
/** Volumes inside of volumes: images of mirrors. */
const deepest = 4

/** The volumes of all groups that have a part on these disks. What lies on a disk that is not there, or is of a kind that cannot be read, is named. */
export function logicalVolumes(physical: readonly PhysicalVolume[]): LogicalVolume[] {
  const newest = new Map<string, NonNullable<PhysicalVolume['group']>>()
  for (const { group } of physical) {
    const id = group && text(group.section.get('id'))
    if (group && id !== undefined && (newest.get(id)?.sequence ?? -1) < group.sequence) newest.set(id, group)
  }
  return [...newest.values()].flatMap((group) => volumesOf(group, physical))
}

function volumesOf(
  { name, section }: NonNullable<PhysicalVolume['group']>,
  physical: readonly PhysicalVolume[],
): LogicalVolume[] {
  const group = new Group(name, section, physical)
  const all = child(section, 'logical_volumes')
  return [...all].flatMap(([volume, description]) => {
    if (!(description instanceof Map)) return []
    const status = description.get('status')
    // Parts of other volumes are not for people.
    if (Array.isArray(status) && !status.includes('VISIBLE')) return []
    return [group.volume(volume)]
  })
}

class Group {
  readonly #name: string
  readonly #section: ConfigSection
  readonly #extent: number
  readonly #disks = new Map<string, { device: Device | undefined; start: number }>()

  constructor(name: string, section: ConfigSection, physical: readonly PhysicalVolume[]) {
    this.#name = name
    this.#section = section
    this.#extent = number(section.get('extent_size')) * sector
    for (const [key, description] of child(section, 'physical_volumes')) {
      if (!(description instanceof Map)) continue
      const uuid = (text(description.get('id')) ?? '').replaceAll('-', '')
      const device = physical.find((one) => one.uuid === uuid)?.device
      this.#disks.set(key, { device, start: number(description.get('pe_start')) * sector })
    }
  }

  volume(name: string): LogicalVolume {
    const where = `${this.#name}/${name}`
    let size = 0
    try {
      const segments = this.#segments(name, where, 0)
      size = segments.reduce((sum, { length }) => sum + length, 0)
      return { group: this.#name, name, size, device: mapped(where, size, segments) }
    } catch (error) {
      return { group: this.#name, name, size, problem: error instanceof Error ? error.message : String(error) }
    }
  }

  #segments(name: string, where: string, depth: number): Segment[] {
    const volume = child(child(this.#section, 'logical_volumes'), name)
    if (volume.size === 0 || depth > deepest)
      throw fileErrors.damaged({ where, what: `its part ${name} is not described` })
    const count = number(volume.get('segment_count'))
    const segments: Segment[] = []
    for (let index = 1; index <= count; index++) {
      segments.push(...this.#segment(child(volume, `segment${index}`), where, depth))
    }
    return segments
  }

  #segment(segment: ConfigSection, where: string, depth: number): Segment[] {
    const offset = number(segment.get('start_extent')) * this.#extent
    const length = number(segment.get('extent_count')) * this.#extent
    const type = text(segment.get('type')) ?? ''
    if (type === 'striped' || type === 'linear') {
      const list = array(segment.get('stripes'))
      const stripes = pairs(list).map(([disk, extent]) => this.#stripe(disk, extent, where))
      if (stripes.length === 0) throw fileErrors.damaged({ where, what: 'a segment lies nowhere' })
      return [{ offset, length, stripes, stripeSize: number(segment.get('stripe_size')) * sector }]
    }
    if (type === 'mirror') return this.#copy(array(segment.get('mirrors'))[0], { offset, length, where, depth })
    // Pairs of metadata and image.
    if (type === 'raid1') return this.#copy(array(segment.get('raids'))[1], { offset, length, where, depth })
    throw fileErrors.unsupported({ where, what: `an LVM volume of type "${type}"` })
  }

  /** Each part of a mirror holds everything: the first one is read. */
  #copy(
    image: ConfigValue | undefined,
    { offset, length, where, depth }: { offset: number; length: number; where: string; depth: number },
  ): Segment[] {
    const name = text(image)
    if (name === undefined) throw fileErrors.damaged({ where, what: 'a mirror has no parts' })
    const inner = this.#segments(name, where, depth + 1)
    return inner.flatMap((one) => (one.offset < length ? [{ ...one, offset: offset + one.offset }] : []))
  }

  #stripe(disk: string, extent: number, where: string): { device: Device; start: number } {
    const known = this.#disks.get(disk)
    if (!known?.device)
      throw fileErrors.unsupported({
        where,
        what: `a volume with a part on a disk (${disk}) that is not in this restore point`,
      })
    return { device: known.device, start: known.start + extent * this.#extent }
  }
}

function mapped(where: string, size: number, segments: readonly Segment[]): Device {
  const ordered = segments.toSorted((a, b) => a.offset - b.offset)
  const device: Device = {
    where,
    size,
    async read(offset, length) {
      checkRange(device, offset, length)
      const parts: Buffer[] = []
      for (let at = offset; at < offset + length;) {
        const segment = ordered.find((one) => at >= one.offset && at < one.offset + one.length)
        if (!segment) throw fileErrors.damaged({ where, what: `no segment holds byte ${at}` })
        const { from, start, room } = place(segment, at - segment.offset)
        const some = Math.min(offset + length - at, room)
        parts.push(await from.read(start, some))
        at += some
      }
      return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts)
    },
  }
  return device
}

/** Where a byte of a segment is, and how many follow it there. */
function place(
  { stripes, stripeSize, length }: Segment,
  inside: number,
): { from: Device; start: number; room: number } {
  const [only] = stripes
  if (stripes.length === 1 && only) return { from: only.device, start: only.start + inside, room: length - inside }
  // A stripe of nothing would never end.
  const unit = stripeSize > 0 ? stripeSize : sector
  const row = Math.floor(inside / unit)
  const stripe = stripes[row % stripes.length] ?? only
  if (!stripe) throw new RangeError('a segment has no stripes')
  const within = inside % unit
  return {
    from: stripe.device,
    start: stripe.start + Math.floor(row / stripes.length) * unit + within,
    room: unit - within,
  }
}

function child(section: ConfigSection, name: string): ConfigSection {
  const value = section.get(name)
  return value instanceof Map ? value : new Map()
}

function number(value: ConfigValue | undefined): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0
}

function text(value: ConfigValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function array(value: ConfigValue | undefined): readonly ConfigValue[] {
  return Array.isArray(value) ? value : []
}

function pairs(list: readonly ConfigValue[]): [string, number][] {
  const found: [string, number][] = []
  for (let at = 0; at + 1 < list.length; at += 2) found.push([text(list[at]) ?? '', number(list[at + 1])])
  return found
}
