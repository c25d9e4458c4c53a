import { z } from 'zod'
import { NetworkId, StorageId } from '../ids/resource-id.ts'
import { bytes, flag, text, word } from '../schema/fields.ts'

/** SHA-256 in hexadecimal. */
const sha256 = z
  .string()
  .regex(/^[0-9a-fA-F]{64}$/, { error: 'Not a SHA-256: 64 hexadecimal digits.' })
  .toLowerCase()
  .optional()
  .meta({ description: 'SHA-256 of the whole file. With another one nothing is kept.' })
const url = z
  .string()
  .max(4096)
  .refine((given) => /^https?:$/.test(URL.parse(given)?.protocol ?? ''), {
    error: 'Not an http:// or https:// address.',
  })
  .meta({
    description: 'Where the server fetches the file. Its host must be among transfer.allowed_hosts.',
    examples: ['https://downloads.example.net/debian-13.qcow2'],
  })
const fileName = text('Name.').min(1).max(1000)

/** Formats of disk images that are read. */
export const imageFormats = ['raw', 'vhd', 'qcow2', 'vmdk', 'vhdx'] as const
/** Formats in which disks are given. */
export const diskExportFormats = ['raw', 'vhd', 'qcow2', 'vmdk'] as const

export const VmExport = z.strictObject({
  format: word(
    ['xva', 'ova'],
    'xva: all that the pool knows of it, for XCP-ng and XenServer; ova: hardware and disks (VMDK), for any product.',
  ).default('xva'),
  compression: word(['none', 'gzip', 'zstd'], 'Of an XVA. The disks in an OVA are always packed.').default('none'),
})

const vmImport = {
  storage: StorageId.meta({ description: 'Where its disks go.' }),
  format: word(['auto', 'xva', 'ova'], 'What the file is; auto looks at its first bytes.').default('auto'),
  name: text('Name of the new VM; that in the file when left out.').min(1).max(1000).optional(),
  network: NetworkId.optional().meta({
    description:
      'Of an OVA: the network of its NICs. Networks of the same name, otherwise that of the hosts, when left out.',
  }),
  sha256,
} as const
export const VmImport = z.strictObject(vmImport)
export const VmImportUrl = z.strictObject({ url, ...vmImport })

export const DiskExport = z.strictObject({
  format: word(diskExportFormats, 'Form of the file.').default('qcow2'),
})

const image = {
  format: word(['auto', ...imageFormats], 'What the file is; auto looks at its first bytes.').default('auto'),
  size: bytes('Of a raw disk whose length is not known from the request: its size.').min(1).optional(),
  spool: flag(
    'Keep the whole file on the server before it is imported. That is done by itself where it is known to be needed; some qcow2 files show it only late.',
  ).default(false),
  sha256,
} as const
const diskImport = {
  storage: StorageId.meta({ description: 'Where it goes. On a storage for installation images it becomes an image.' }),
  name: fileName,
  description: text('Text for people.').max(10_000).default(''),
  ...image,
} as const
export const DiskImport = z.strictObject(diskImport)
export const DiskImportUrl = z.strictObject({ url, ...diskImport })
export const DiskOverwrite = z.strictObject(image)

export const NewUpload = z.strictObject({
  name: fileName,
  size: bytes('Bytes of the whole file.').min(1),
  sha256,
})
const { size: _, sha256: __, ...use } = diskImport
/** What an upload that is complete becomes. */
export const UploadUse = z.strictObject(use)
