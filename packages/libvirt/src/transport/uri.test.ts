import { describe, expect, test } from 'vitest'
import { socketPaths } from './sockets.ts'
import { remoteCommand, sshArguments } from './ssh.ts'
import { parseUri } from './uri.ts'

describe('addresses of libvirt', () => {
  test.each([
    ['qemu:///system', { transport: 'unix', host: undefined, name: 'qemu:///system' }],
    ['test:///default', { transport: 'unix', path: '/default', name: 'test:///default' }],
    ['qemu+unix:///session?socket=/tmp/s', { transport: 'unix', name: 'qemu:///session' }],
    ['qemu://host/system', { transport: 'tls', host: 'host', name: 'qemu:///system' }],
    ['qemu+tcp://[::1]:16510/system', { transport: 'tcp', host: '::1', port: 16_510 }],
    ['qemu+ssh://root@kvm-1:2222/system?keyfile=/k', { transport: 'ssh', username: 'root', port: 2222 }],
    ['xen+ssh://a%40b@dom0/system?name=xen:///system', { driver: 'xen', username: 'a@b', name: 'xen:///system' }],
    ['qemu:///system?exotic=1&socket=/s', { name: 'qemu:///system?exotic=1' }],
  ])('%s is understood', (uri, wanted) => {
    expect(parseUri(uri)).toMatchObject(wanted)
  })

  test.each(['', 'qemu', 'qemu:/system', 'qemu+ssh:///system', 'qemu+foo://h/system', 'qemu+tcp://h:99999/system'])(
    '"%s" is refused',
    (uri) => {
      expect(() => parseUri(uri)).toThrow(expect.objectContaining({ code: 'libvirt.bad_uri' }))
    },
  )

  test('one daemon for all comes before one for each driver', () => {
    expect(socketPaths(parseUri('qemu:///system'), 0)).toEqual([
      '/run/libvirt/libvirt-sock',
      '/run/libvirt/virtqemud-sock',
    ])
    expect(socketPaths(parseUri('qemu:///session'), 1000)[0]).toMatch(/\/libvirt\/libvirt-sock$/)
  })

  test('no part of an address becomes an option or a command of ssh', () => {
    const uri = parseUri("qemu+ssh://root@kvm-1:22/system?socket=/tmp/it's; rm -rf /")
    const args = sshArguments(uri, {})
    expect(args.slice(args.indexOf('--') + 1)).toEqual(['kvm-1', remoteCommand(uri)])
    expect(remoteCommand(uri)).not.toMatch(/^[^']*;/)
  })
})
