export type { Credentials } from './auth/authenticate.ts'
export type { Calls } from './connect/calls.ts'
export { inventoryEvents, type EventKinds, type LibvirtEvent } from './connect/events.ts'
export { Libvirt, optional, type LibvirtOptions } from './connect/libvirt.ts'
export * from './errors.ts'
export * as constants from './generated/constants.ts'
export type * from './generated/types.ts'
export type { KeepaliveOptions } from './rpc/keepalive.ts'
export { RpcStream, type StreamPart } from './rpc/rpc-stream.ts'
export type { CallOptions } from './rpc/rpc.ts'
export type { SshOptions } from './transport/ssh.ts'
export type { TlsOptions } from './transport/tls.ts'
export { parseUri, type LibvirtUri, type TransportKind } from './transport/uri.ts'
export { parseCapabilities, type HostCapabilities } from './xml/capabilities.ts'
export {
  parseDomain,
  readDisk,
  readDomain,
  type DiskBacking,
  type DomainDisk,
  type DomainGraphics,
  type DomainNic,
  type DomainXml,
} from './xml/domain.ts'
export { printXml, xml, XmlElement, type XmlContent, type XmlOther } from './xml/element.ts'
export { parseNetwork, type NetworkXml } from './xml/network.ts'
export { parseNodeDevice, type NodeDevice } from './xml/node-device.ts'
export { countOf, parseXml, sizeOf } from './xml/parse.ts'
export { parseStoragePool, parseStorageVolume, type StoragePoolXml, type StorageVolumeXml } from './xml/storage.ts'
