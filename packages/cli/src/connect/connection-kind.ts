/** URIs of libvirt say themselves what they are: `nixen connection add qemu:///system`. */
const libvirtUri = /^(qemu|xen|test)(\+(unix|tcp|tls|ssh))?:\/\//

/** The words of a command line, with the kind put in where only a URI of libvirt was given. */
export function withConnectionKind(words: readonly string[]): string[] {
  const [group, verb, address] = words
  const isIt = group === 'connection' && (verb === 'add' || verb === 'test') && libvirtUri.test(address ?? '')
  return isIt ? [...words.slice(0, 2), 'libvirt', ...words.slice(2)] : [...words]
}
