import { expect, test } from 'vitest'
import { ScramClient } from './scram.ts'

// RFC 7677 §3 and RFC 5802 §5.
test.each([
  {
    mechanism: 'SCRAM-SHA-256',
    nonce: 'rOprNGfwEbeRWgbNEkqO',
    server: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    proof: 'dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    verifier: '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
  },
  {
    mechanism: 'SCRAM-SHA-1',
    nonce: 'fyko+d2lbbFgONRv9qkxdawL',
    server: 'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096',
    proof: 'v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
    verifier: 'rmF9pqV8S7suAoZWja4dJRkFsKQ=',
  },
])('$mechanism says what the RFC says', async ({ mechanism, nonce, server, proof, verifier }) => {
  const client = new ScramClient(mechanism, { username: 'user', password: 'pencil', nonce })
  expect(client.start()).toBe(`n,,n=user,r=${nonce}`)
  expect(await client.next(server)).toMatch(new RegExp(`,p=${proof.replaceAll(/[+/=]/g, String.raw`\$&`)}$`))
  expect(() => client.finish(`v=${verifier}`)).not.toThrow()
  expect(() => client.finish('v=AAAA')).toThrow(/does not know the password/)
})

test('a server that makes up its own nonce is refused', async () => {
  const client = new ScramClient('SCRAM-SHA-256', { username: 'u', password: 'p', nonce: 'mine' })
  await expect(client.next('r=other,s=AAAA,i=4096')).rejects.toThrow(/nonce/)
})
