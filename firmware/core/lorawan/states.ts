/**
 * The states of the Class A machine (TS001-1.0.4 3.3 and 4.3.1.3), and which may follow which.
 *
 *            join, send                  transmitted               time            nothing for us             time
 *   +------+ ---------> +--------------+ ----------> +-----------+ ----> +-----+ ---------------> +-----------+ ----> +-----+
 *   | idle |            | transmitting |             | beforeRx1 |       | rx1 |                  | beforeRx2 |       | rx2 |
 *   +------+ <--------- +--------------+             +-----------+       +-----+                  +-----------+       +-----+
 *    ^  ^  ^ radio error  ^                                               |   |                                        | |
 *    |  |  |              | time                                          |   |                                        | |
 *    |  |  |            +--------------+   many answers                   |   |                                        | |
 *    |  |  +----------- | beforeRepeat | <--------------------------------+   |                                        | |
 *    |  |    given up   |              | <----------------------------------- | -----------------------------------------+
 *    |  |               +--------------+   NbTrans not used up, or many answers                                        |
 *    |  |                                                                     |                                        |
 *    |  +---------------------------------------------------------------------+ our frame                              |
 *    +-----------------------------------------------------------------------------------------------------------------+
 *                                                                               our frame, or nothing and no repeat left
 *
 * "Many answers": the frame brought so many MAC commands that their answers need an uplink of their own. A window whose time has passed is
 * entered and left at once.
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
  Object.freeze([rx2]),
  Object.freeze([beforeRepeat, idle]),
  Object.freeze([transmitting, idle]),
]);
