// Converts an image over and over, for kill.test.ts to kill; or as often as the last argument says.
import { rm } from 'node:fs/promises'
import { convert, createDisk, openDisk } from '../src/index.ts'

const [, , from = '', to = '', format = '', times = 'Infinity'] = process.argv
for (let done = 0; done < Number(times); done++) {
  await rm(to, { force: true })
  await using source = await openDisk(from)
  await using sink = await createDisk(to, { size: source.size, format })
  process.send?.('started')
  await convert(source, sink)
}
