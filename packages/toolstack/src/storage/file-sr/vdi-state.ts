import type { VdiState } from '../storage-port.ts'
import type { Image } from './image.ts'

/** What the SR says of an image. Bases are there for those that stand on them only. */
export function imageState(image: Image, { cbtEnabled }: { cbtEnabled: boolean }): VdiState {
  return {
    uuid: image.uuid,
    location: image.uuid,
    virtualSize: image.size,
    physicalUtilisation: image.utilisation,
    smConfig: {
      ...(image.parent ? { 'vhd-parent': image.parent.uuid } : {}),
      ...(image.format === 'raw' ? { type: 'raw' } : { 'image-format': image.format }),
    },
    managed: !image.hidden,
    readOnly: image.hidden,
    cbtEnabled,
  }
}

/** What the SR says of a snapshot that only its log of changed blocks is left of. */
export function logState(uuid: string, { size }: { size: number }): VdiState {
  return {
    uuid,
    location: uuid,
    virtualSize: size,
    physicalUtilisation: 0,
    smConfig: {},
    managed: true,
    readOnly: false,
    cbtEnabled: true,
  }
}
