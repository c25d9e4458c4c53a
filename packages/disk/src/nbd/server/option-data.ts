import { viewOf } from '@nixen/core'
import { decodeText } from '../wire.ts'

/** Data of the options about metadata contexts; `undefined` when it is cut off. */
export function parseMetaContext(data: Uint8Array): { exportName: string; queries: string[] } | undefined {
  const texts: string[] = []
  let at = 0
  const text = (): boolean => {
    if (at + 4 > data.length) return false
    const length = viewOf(data).getUint32(at)
    if (length > data.length - at - 4) return false
    texts.push(decodeText(data.subarray(at + 4, at + 4 + length)))
    at += 4 + length
    return true
  }
  if (!text() || at + 4 > data.length) return undefined
  const count = viewOf(data).getUint32(at)
  at += 4
  for (let index = 0; index < count; index++) if (!text()) return undefined
  const [exportName = '', ...queries] = texts
  return { exportName, queries }
}

/** Data of `info` and `go`; `undefined` when it is cut off. */
export function parseInfo(data: Uint8Array): { exportName: string; types: number[] } | undefined {
  if (data.length < 6) return undefined
  const view = viewOf(data)
  const length = view.getUint32(0)
  if (length > data.length - 6) return undefined
  const count = view.getUint16(4 + length)
  if (data.length < 6 + length + 2 * count) return undefined
  const types = Array.from({ length: count }, (_, index) => view.getUint16(6 + length + 2 * index))
  return { exportName: decodeText(data.subarray(4, 4 + length)), types }
}
