import { basePath } from '../../base.ts'
import { common } from '../../i18n/common.ts'
import { csrfHeader } from '../../session/session.ts'

/** How far a file is on its way. */
export interface Sent {
  readonly bytes: number
  readonly total: number
  /** Bytes each second, over the whole time. */
  readonly rate: number
}

/**
 * Sends a file to an endpoint of the API and tells how far it is: `fetch` cannot. Gives the answer; throws the sentence of the server when it
 * refuses. The query is that of the endpoint's input.
 */
export async function upload(
  path: string,
  query: Readonly<Record<string, string>>,
  {
    file,
    signal,
    onSent,
  }: { readonly file: File; readonly signal: AbortSignal; readonly onSent: (sent: Sent) => void },
): Promise<unknown> {
  const request = new XMLHttpRequest()
  const started = performance.now()
  return await new Promise((resolve, reject) => {
    const stop = (): void => request.abort()
    signal.addEventListener('abort', stop, { once: true })
    request.open('POST', `${basePath}api/v1${path}?${new URLSearchParams(query)}`)
    request.setRequestHeader('content-type', 'application/octet-stream')
    request.setRequestHeader('accept', 'application/json')
    for (const [name, text] of Object.entries(csrfHeader())) request.setRequestHeader(name, text)
    request.upload.addEventListener('progress', ({ loaded, total }) => {
      const seconds = Math.max(0.001, (performance.now() - started) / 1000)
      onSent({ bytes: loaded, total, rate: loaded / seconds })
    })
    request.addEventListener('abort', () => reject(new DOMException(common.stopped, 'AbortError')))
    request.addEventListener('error', () => reject(new Error(messageOf(request.responseText) ?? common.brokeOff)))
    request.addEventListener('load', () => {
      signal.removeEventListener('abort', stop)
      if (request.status < 300) resolve(request.responseText === '' ? undefined : JSON.parse(request.responseText))
      else reject(new Error(messageOf(request.responseText) ?? common.answered({ status: request.status })))
    })
    request.send(file)
  })
}

/** The sentence of an error of the API. */
function messageOf(text: string): string | undefined {
  try {
    const body: unknown = JSON.parse(text)
    if (typeof body !== 'object' || body === null) return undefined
    const inner: unknown = 'error' in body ? body.error : body
    return typeof inner === 'object' && inner !== null && 'message' in inner ? String(inner.message) : undefined
  } catch {
    // Something between here and the server has answered.
    return undefined
  }
}
