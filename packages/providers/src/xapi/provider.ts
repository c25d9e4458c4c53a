import { probeCertificate } from '../probe.ts'
import type { Provider } from '../provider.ts'
import { urlOf } from './url-of.ts'

/** Pools of XCP-ng and XenServer. Most of its code is loaded with the first session. */
export const xapiProvider: Provider = {
  kind: 'xapi',

  async open(spec, ports, options) {
    const { openPool } = await import('./open.ts')
    return await openPool(spec, ports, options)
  },

  async probe(address, { clock }, { signal } = {}) {
    const url = urlOf(address)
    if (url.protocol === 'http:') return { secure: false }
    const host = url.hostname.replace(/^\[|\]$/g, '')
    return await probeCertificate({ address, host, port: Number(url.port || 443) }, { clock, signal })
  },
}
