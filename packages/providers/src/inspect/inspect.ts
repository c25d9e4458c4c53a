import type { HostDevice, HostId, HostPatch, Placement, VmDeletion, VmId } from '@nixen/api'

/** A message of the provider's own API. */
export interface NativeCall {
  /** `VM.get_record` */
  readonly method: string
  readonly args: readonly unknown[]
  /** It may change something; otherwise only what reads is sent. */
  readonly write: boolean
}

/** Questions that the hosts answer when they are asked: what the inventory does not keep. */
export interface ProviderInspect {
  /** Which hosts can run a VM now. @throws vm.not_found, connection.* */
  placement(vm: VmId): Promise<readonly Placement[]>
  /** What would go with a VM if it were deleted. @throws vm.not_found, connection.* */
  deletion(vm: VmId): Promise<VmDeletion>
  /** Updates that a host lacks. @throws host.not_found, connection.* */
  patches(host: HostId): Promise<readonly HostPatch[]>
  /** Devices of a host that VMs may use themselves. @throws host.not_found, connection.* */
  devices(host: HostId): Promise<readonly HostDevice[]>
  /** Sends a message of the provider's own API. Answers with plain JSON. @throws connection.unsupported, connection.*, what the host refuses */
  call(call: NativeCall): Promise<unknown>
}
