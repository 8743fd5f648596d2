/* Clips that are computed some frames at a time. What a layer must know of the frames before is carried: an output of
 * one run is an input of the next. And frames in columns: some layers make several frames of one, or one of several. */
#ifndef LOAM_MODEL_FRAMES_H
#define LOAM_MODEL_FRAMES_H

#include "model/build.h"

/* n frames for each of x's: the columns are cut in n, frame t·n + i has the i-th part. fold is its inverse. */
loam_map loam_frames_unfold(loam_build *b, loam_map x, int n);
loam_map loam_frames_fold(loam_build *b, loam_map x, int n);

/* Puts `n` frames that the last run left before x, and leaves the last n of all for the next run. Input and output are
 * the next of the net; in a `first` net nothing was left: x is returned as it is. */
loam_map loam_frames_carry_in(loam_build *b, loam_net *net, loam_map x, int n, bool first);
/* As a place in the first net's outputs for which nothing is left: the next net sees zeros. */
void loam_frames_carry_nothing(loam_net *net);
/* Takes what the last run of `from` left over to `to` (the same net, or the next): inputs and outputs from number 1 on.
 * Where fewer frames were left, zeros stand before them. from NULL: all zeros. */
void loam_frames_carry(loam_net *from, loam_net *to);

#endif
