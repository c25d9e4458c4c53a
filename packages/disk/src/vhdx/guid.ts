import { fromHex, toHex } from '@nixen/core'

/** Known GUIDs of regions and metadata items (MS-VHDX 2.2.3.2, 2.2.4.2) in the text form. */
export const guid = {
  bat: '2dc27766-f623-4200-9d64-115e9bfd4a08',
  metadata: '8b7ca206-4790-4b9a-b8fe-575f050f886e',
  fileParameters: 'caa16737-fa36-4d43-b3b6-33f0aa44e76b',
  virtualDiskSize: '2fa54224-cd1b-4876-b211-5dbed83bf4b8',
  virtualDiskId: 'beca12ab-b2e6-4523-93ef-c309e000c746',
  logicalSectorSize: '8141bf1d-a96f-4709-ba47-f233a8faab5f',
  physicalSectorSize: 'cda348c7-445d-4471-9cc9-e9885251c556',
  parentLocator: 'a8d35f2d-b30b-454d-abf7-d3d84834ab0c',
  vhdxLocator: 'b04aefb7-d19e-4a81-b789-25b8e9445913',
} as const

export const noGuid = '00000000-0000-0000-0000-000000000000'

/** The text form of a GUID, whose first three fields are little endian. */
export function readGuid(bytes: Uint8Array): string {
  const text = toHex(swapped(bytes))
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20, 32)].join('-')
}

export function writeGuid(text: string): Uint8Array {
  return swapped(fromHex(text.replaceAll('-', '')))
}

function swapped(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from([3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15], (place) => bytes[place] ?? 0)
}
