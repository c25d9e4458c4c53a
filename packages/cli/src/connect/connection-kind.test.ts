import { expect, test } from 'vitest'
import { withConnectionKind } from './connection-kind.ts'

test.each([
  ['connection add qemu:///system', 'connection add libvirt qemu:///system'],
  [
    'connection test qemu+ssh://root@kvm-1/system --json',
    'connection test libvirt qemu+ssh://root@kvm-1/system --json',
  ],
  ['connection add libvirt qemu:///system', 'connection add libvirt qemu:///system'],
  ['connection add xapi https://xcp-1', 'connection add xapi https://xcp-1'],
  ['vm get qemu:///x', 'vm get qemu:///x'],
])('"%s" is "%s"', (given, meant) => {
  expect(withConnectionKind(given.split(' ')).join(' ')).toBe(meant)
})
