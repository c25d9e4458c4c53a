import { createPrivateKey, X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '@nixen/core'
import type { Settings } from '../config/settings.ts'
import { serverErrors } from '../errors.ts'
import { writeWhole } from '../state/write-whole.ts'
import { isGood, makeSelfSigned, ownNames, served } from './self-signed.ts'
import type { ServedTls } from './served.ts'

export interface TlsOptions {
  /** The `tls` folder of the state. */
  readonly folder: string
  readonly settings: Settings
  readonly now: number
}

/**
 * The certificate to serve: the one of the settings, or a self-made one, which is kept and made anew when it nears its end or the
 * machine got another name or address. `undefined` when TLS is off.
 *
 * @throws server.bad_certificate, server.state_unusable
 */
export async function provideTls({ folder, settings, now }: TlsOptions): Promise<ServedTls | undefined> {
  if (settings['tls.mode'] === 'off') return undefined
  if (settings['tls.mode'] === 'own') return readOwn(settings['tls.certificate'], settings['tls.key'])
  const path = join(folder, 'self-signed.pem')
  const names = ownNames(settings['tls.names'])
  if (existsSync(path)) {
    // One file holds both, so that they always belong together.
    const text = readFileSync(path, 'utf8')
    const [key = '', cert = ''] = text.split(/(?=-----BEGIN CERTIFICATE-----)/)
    if (isGood(cert, { names, now })) return served(cert, key)
  }
  const made = await makeSelfSigned(names, now)
  writeWhole(path, `${made.key.trim()}\n${made.cert.trim()}\n`)
  return made
}

function readOwn(certificate: string, key: string): ServedTls {
  try {
    const found = served(readFileSync(certificate, 'utf8'), readFileSync(key, 'utf8'))
    if (new X509Certificate(found.cert).checkPrivateKey(createPrivateKey(found.key))) return found
  } catch (cause) {
    throw serverErrors.bad_certificate({ path: certificate, reason: messageOf(cause) }, { cause })
  }
  throw serverErrors.bad_certificate({ path: certificate, reason: `the key in ${key} is not its key` })
}
