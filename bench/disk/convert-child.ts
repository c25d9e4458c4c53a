// One conversion in a process of its own, for main.ts.
import { convert, createDisk, openDisk } from '@nixen/disk'

/** What the one argument says, in JSON. */
interface Order {
  readonly source: string
  readonly target: string
  readonly from: string
  readonly to: string
  readonly settings: Readonly<Record<string, string>>
}

const { source, target, from, to, settings } = JSON.parse(process.argv[2] ?? '') as Order
await using disk = await openDisk(source, { format: from })
await using sink = await createDisk(target, { size: disk.size, format: to, settings })
await convert(disk, sink)
