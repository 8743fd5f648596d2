/* By how much named groups would have to give way for a program to have a solution. */
#ifndef LOAM_FLEET_LP_ELASTIC_H
#define LOAM_FLEET_LP_ELASTIC_H

#include "fleet/lp_program.h"

/* Adds to c->repairs up to 3 alternatives, the cheapest first, none of which relaxes a group whose relax cost is
 * infinite. Integers are kept as such when a solution with them is found in time, else the relaxation's repair is
 * given. */
LOAM_CHECK_RESULT loam_status loam_lp_elastic_repairs(const loam_lp *p, const loam_lp_options *o, loam_lp_conflict *c,
                                                      loam_err *err);

#endif
