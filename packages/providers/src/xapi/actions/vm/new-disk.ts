import type { Ref } from '@nixen/xapi'
import type { XapiContext } from '../context.ts'

/** Key of `other_config` on a disk while what it belongs to is being made. */
export const makingKey = 'nixen:making'

export interface NewDiskOptions {
  readonly sr: Ref<'SR'>
  /** Virtual size in bytes. */
  readonly size: number
  readonly name: string
  readonly description?: string | undefined
  /** By which it is found when what follows is interrupted. */
  readonly mark: string
}

/** Makes an empty disk. */
export async function makeDisk({ xapi }: XapiContext, options: NewDiskOptions): Promise<Ref<'VDI'>> {
  const { sr, size, name, description = '', mark } = options
  return await xapi.client.VDI.create({
    name_label: name,
    name_description: description,
    SR: sr,
    virtual_size: size,
    type: 'user',
    sharable: false,
    read_only: false,
    other_config: { [makingKey]: mark },
  })
}
