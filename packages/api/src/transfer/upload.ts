import { z } from 'zod'
import { UserId } from '../ids/own-id.ts'
import { bytes, text, time } from '../schema/fields.ts'

/** A file that is sent in pieces. */
export const Upload = z
  .strictObject({
    id: text('Id of the upload.').meta({ format: 'upload-id', examples: ['b7m2x9q4k1zd'] }),
    name: text('Name of the file.'),
    size: bytes('Bytes of the whole file.'),
    offset: bytes('Bytes that are kept: where it goes on.'),
    sha256: text('The checksum that the whole file must have.').optional(),
    user: UserId,
    created: time('When it was begun.'),
    expires: time('When it is removed unless somebody goes on with it.'),
  })
  .meta({ id: 'Upload', description: 'A file that is sent in pieces, and can be gone on with after a break.' })
export type Upload = z.infer<typeof Upload>
