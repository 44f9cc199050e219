/**
 * The states of the Class A machine (TS001-1.0.4 3.3 and 4.3.1.3), and which may follow which.
 *
 *            +-------------------------------------------------------------------------+
 *            |                                                                         |
 *            v        join, send                  transmitted                          |
 *         +------+ ----------------> +--------------+ ------------> +-----------+      |
 *    ---> | idle |                   | transmitting |               | beforeRx1 |      |
 *         +------+ <---------------- +--------------+               +-----------+      |
 *            ^       radio error         ^                                | time       |
 *            |                           | time to repeat                 v            |
 *            |                   +--------------+                      +-----+         |
 *            | given up          |              |                      | rx1 | --------+
 *            +------------------ | beforeRepeat |                      +-----+ our frame
 *            |                   |              |                         | nothing, or not for us
 *            |                   +--------------+                         v
 *            |                      ^        ^                      +-----------+
 *            |     NbTrans not used |        +--------------------- | beforeRx2 |
 *            |     up, or answers   |          too late for RX2     +-----------+
 *            |     to flush      +-----+                              |    | too late for RX2
 *            +------------------ | rx2 | <----------------------------+    |
 *            |     over          +-----+            time                   |
 *            +-------------------------------------------------------------+
 *
 * From rx1 the machine also goes to beforeRepeat, when the frame brought so many MAC commands that their answers need an uplink of their own.
 */

export const STATE = Object.freeze({
  idle: 0,
  transmitting: 1,
  beforeRx1: 2,
  rx1: 3,
  beforeRx2: 4,
  rx2: 5,
  beforeRepeat: 6,
} as const);

const { idle, transmitting, beforeRx1, rx1, beforeRx2, rx2, beforeRepeat } = STATE;

/** By state: where it may go. */
export const TRANSITIONS: readonly (readonly number[])[] = Object.freeze([
  Object.freeze([transmitting]),
  Object.freeze([beforeRx1, idle]),
  Object.freeze([rx1]),
  Object.freeze([beforeRx2, beforeRepeat, idle]),
  Object.freeze([rx2, beforeRepeat, idle]),
  Object.freeze([beforeRepeat, idle]),
  Object.freeze([transmitting, idle]),
]);
