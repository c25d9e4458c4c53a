import { connectionOfId, demandPermission, ownConnection, type Task, type TaskId } from '@nixen/api'
import type { Connections } from '../../connections/connections.ts'
import type { GroupHandlers } from '../../http/handler.ts'
import type { Inventory } from '../../inventory/inventory.ts'
import { demandVisible } from '../../inventory/visible.ts'
import type { Tasks } from '../../tasks/tasks.ts'

export interface TaskHandlerPorts {
  readonly tasks: Tasks
  readonly connections: Connections
  readonly inventory: Inventory
}

/** What tasks have beside being read. */
export function taskHandlers({
  tasks,
  connections,
  inventory,
}: TaskHandlerPorts): Pick<GroupHandlers<'task'>, 'log' | 'history' | 'cancel'> {
  const isOwn = (id: TaskId): boolean => connectionOfId(id) === ownConnection
  return {
    async history({ input: { before = Number.MAX_SAFE_INTEGER, on, user, action, limit }, who }) {
      const reach = who.access.reach('task:read')
      const items: Task[] = []
      if (reach === 'none') return { items }
      for await (const task of tasks.history(before)) {
        if (on !== undefined && !task.on.includes(on)) continue
        if ((user !== undefined && task.user !== user) || (action !== undefined && task.action !== action)) continue
        if (reach === 'all' || reach(task)) items.push(task)
        if (items.length === limit) break
      }
      return { items }
    },
    async log({ params: { id }, who }) {
      demandVisible(inventory, { type: 'task', id, who })
      return { lines: isOwn(id) ? [...(await tasks.lines(id))] : [] }
    },
    async cancel({ params: { id }, who, info }) {
      const task = demandVisible(inventory, { type: 'task', id, who })
      demandPermission(who.access, 'task:cancel', task)
      info.note({ onName: task.name })
      if (isOwn(id)) return tasks.cancel(id)
      await connections.session(connectionOfId(id)).cancelTask(id)
      return { ...task, state: 'cancelling' as const }
    },
  }
}
