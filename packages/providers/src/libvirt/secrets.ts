import { isRecord } from '@nixen/core'

/** What lets us in: a password for SASL, a certificate with its key for TLS. */
export interface LibvirtSecrets {
  readonly password: string
  /** PEM. */
  readonly certificate?: string | undefined
  readonly key?: string | undefined
}

const mark = 'nixen-libvirt-secrets:'

/** All secrets of a connection as its one password, which is what is sealed and kept. */
export function packSecrets({ password, certificate, key }: LibvirtSecrets): string {
  if (certificate === undefined && key === undefined) return password
  return mark + JSON.stringify({ password, certificate, key })
}

/** The inverse of {@link packSecrets}; any other text is a password. */
export function unpackSecrets(text: string): LibvirtSecrets {
  if (!text.startsWith(mark)) return { password: text }
  const value: unknown = JSON.parse(text.slice(mark.length))
  const field = (name: string): string | undefined => {
    const found = isRecord(value) ? value[name] : undefined
    return typeof found === 'string' ? found : undefined
  }
  return { password: field('password') ?? '', certificate: field('certificate'), key: field('key') }
}
