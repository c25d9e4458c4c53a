import { convert, openDisk } from '@nixen/disk'
import { isNull } from '../db/ref.ts'
import { toolstackErrors } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'
import { unwrittenKey } from '../storage/storage-port.ts'
import type { Pool } from './pool.ts'

/** A disk image for a machine of the inventory. */
export interface VmImage {
  /** `VM.name_label`, or its UUID. */
  readonly vm: string
  /** A disk image of any format that can be read. */
  readonly path: string
}

/**
 * Gives machines real disks: the image becomes the content of the machine's first disk, in the format of its SR. A disk that was written before
 * keeps what it holds.
 */
export async function placeImages(pool: Pool, images: readonly VmImage[]): Promise<void> {
  for (const { vm: name, path } of images) {
    const vdi = firstDisk(pool, name)
    const { uuid, SR, sm_config } = pool.db.get('VDI', vdi)
    if (!Object.hasOwn(sm_config, unwrittenKey)) continue
    await using source = await openDisk(path)
    const place = { sr: pool.db.get('SR', SR).uuid, uuid }
    const state = await pool.storage.make(place, { size: source.size }, (sink) => convert(source, sink))
    pool.db.update(vdi, {
      virtual_size: state.virtualSize,
      physical_utilisation: state.physicalUtilisation,
      location: state.location,
      sm_config: state.smConfig,
    })
    pool.db.commit()
  }
}

function firstDisk({ db }: Pool, name: string): Ref<'VDI'> {
  const rows = [...db.rows('VM')].filter(({ values }) => !values.is_a_template && !values.is_control_domain)
  const vm = rows.find(({ values }) => values.name_label === name || values.uuid === name)
  const vbds = [...(vm?.values.VBDs ?? [])].map((ref) => db.get('VBD', ref))
  const disks = vbds.filter(({ type, VDI }) => type === 'Disk' && !isNull(VDI))
  const [first] = disks.toSorted((a, b) => Number(a.userdevice) - Number(b.userdevice))
  if (first) return first.VDI
  throw toolstackErrors.bad_option({
    option: '--image',
    expected: `NAME=FILE with the name of a VM that has a disk ("${name}" is none; there are ${rows
      .slice(0, 5)
      .map(({ values }) => values.name_label)
      .join(', ')}, …)`,
  })
}
