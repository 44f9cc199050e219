/**
 * The states of the Class A machine (TS001-1.0.4 3.3 and 4.3.1.3), and which may follow which. A test compares this drawing with the table below.
 *
 *   idle --join, send--> transmitting --transmitted--> beforeRx1 --time--> rx1 --nothing for us--> beforeRx2 --time--> rx2 --the end--> idle
 *
 *   transmitting --radio error--> idle
 *   rx1 --our frame--> idle
 *   rx1 --many answers--> beforeRepeat
 *   rx2 --NbTrans not used up, or many answers--> beforeRepeat
 *   beforeRepeat --time--> transmitting
 *   beforeRepeat --given up--> idle
 *
 * "Many answers": the frame brought so many MAC commands that their answers need an uplink of their own. A window whose time has passed is
 * entered and left at once; one that is longer than the radio can listen for is listened to in parts, without leaving the state.
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
