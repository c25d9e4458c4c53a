import { formatBytes } from '@nixen/core'
import { diskInfo, type ImageInfo } from '@nixen/disk'
import { print, type CommonFlags } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { formatFields } from '../output/table.ts'
import { openOptions, type OpenFlags } from './flags.ts'

/** `nixen disk info IMAGE` */
export async function info(context: NixenContext, flags: CommonFlags & OpenFlags, path: string): Promise<void> {
  const found = await diskInfo(path, openOptions(flags, context.signal))
  const text = formatFields([
    ['image', found.path],
    ['format', found.format],
    ['virtual size', `${formatBytes(found.virtualSize)} (${found.virtualSize} bytes)`],
    ['file size', formatBytes(found.fileSize)],
    ['allocated', found.allocated === undefined ? undefined : formatBytes(found.allocated)],
    ...Object.entries(found.details).map(([name, value]) => [spaced(name), String(value)] as const),
    ...parentsOf(found).map((path, depth) => [depth === 0 ? 'builds on' : '', path] as const),
  ])
  print(context, flags, { json: found, text })
}

function parentsOf(info: ImageInfo): string[] {
  const paths: string[] = []
  for (let parent = info.parent; parent; parent = parent.info?.parent) paths.push(parent.path)
  return paths
}

/** `clusterSize` → `cluster size` */
function spaced(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}
