import { methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'

/** The controller that the hosts' switches connect to. Here it is known only: nothing connects. */
export const sdnController: MethodSet = methods('SDN_controller', {
  introduce({ db }, protocol, address, port) {
    const [there] = db.rows('SDN_controller')
    if (there) throw fault('OPERATION_NOT_ALLOWED', 'SDN controller has been configured. Please forget it first.')
    // Passive: the switches listen, so that there is nobody to connect to.
    if (protocol === 'pssl' && address !== '') throw fault('INVALID_VALUE', 'address', address)
    if (protocol === 'ssl' && address === '') throw fault('INVALID_VALUE', 'address', address)
    return db.insert('SDN_controller', { protocol, address, port: port || (protocol === 'ssl' ? 6632 : 6640) })
  },
  forget: ({ db }, self) => db.remove(self),
})
