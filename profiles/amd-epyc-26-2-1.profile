tritmill-profile 1
cpu AuthenticAMD 26/2/1 AMD EPYC
caches 49152 1048576 33554432
isas c ssse3 avx2 avxvnni avx512bw avx512vnni avx512vbmi
kernels af98c1cc4aaeb229
compiler GNU 12.2.0
made 2026-11-20T12:07:39Z
conditions weights cold, medians of interleaved samples, budget 84 s, M 1,512
limit threads 1 read_gbs 38.558 int8_gmacs 502.405
limit threads 2 read_gbs 45.458 int8_gmacs 1004.098
plan n 2560 k 2560 threads 1 phase decode packing v5 act i8 tokens 1 kernel trit_gemv_v5_i8_1x32x20__avx512vbmi_p8u2 hash 03f5e94cddff277e mc 0 nc 0 median_us 33.890 spread_us 1.331
plan n 2560 k 2560 threads 1 phase prefill packing v5 act i8 tokens 512 kernel trit_gemm_v5_i8_12x32x20__avx512vbmi hash 3d15bb7da66cc122 mc 0 nc 0 median_us 7078.073 spread_us 111.213
plan n 2560 k 2560 threads 2 phase decode packing v5 act i8 tokens 1 kernel trit_gemv_v5_i8_1x32x20__avx512vbmi_p8u2 hash 03f5e94cddff277e mc 0 nc 0 median_us 27.275 spread_us 1.821
plan n 2560 k 2560 threads 2 phase prefill packing v5 act i8 tokens 512 kernel trit_gemm_v5_i8_12x32x20__avx512vbmi hash 3d15bb7da66cc122 mc 0 nc 0 median_us 3637.568 spread_us 191.368
plan n 2560 k 6912 threads 1 phase decode packing v5 act i8 tokens 1 kernel trit_gemv_v5_i8_1x32x20__avx512vbmi_p8u2 hash 03f5e94cddff277e mc 0 nc 0 median_us 94.202 spread_us 3.345
plan n 2560 k 6912 threads 1 phase prefill packing v5 act i8 tokens 512 kernel trit_gemm_v5_i8_12x32x20__avx512vbmi hash 3d15bb7da66cc122 mc 0 nc 0 median_us 19339.740 spread_us 291.282
plan n 2560 k 6912 threads 2 phase decode packing v5 act i8 tokens 1 kernel trit_gemv_v5_i8_1x32x20__avx512vbmi_p8u2 hash 03f5e94cddff277e mc 0 nc 0 median_us 80.704 spread_us 4.279
plan n 2560 k 6912 threads 2 phase prefill packing v5 act i8 tokens 512 kernel trit_gemm_v5_i8_12x32x20__avx512vbmi hash 3d15bb7da66cc122 mc 0 nc 0 median_us 9807.996 spread_us 67.325
plan n 3840 k 2560 threads 1 phase decode packing v5 act i8 tokens 1 kernel trit_gemv_v5_i8_1x32x20__avx512vbmi_p8u2 hash 03f5e94cddff277e mc 0 nc 0 median_us 52.667 spread_us 1.124
plan n 3840 k 2560 threads 1 phase prefill packing v5 act i8 tokens 512 kernel trit_gemm_v5_i8_12x32x20__avx512vbmi hash 3d15bb7da66cc122 mc 0 nc 0 median_us 10603.814 spread_us 89.946
plan n 3840 k 2560 threads 2 phase decode packing v5 act i8 tokens 1 kernel trit_gemv_v5_i8_1x32x20__avx512vbmi_p8u2 hash 03f5e94cddff277e mc 0 nc 0 median_us 48.186 spread_us 1.685
plan n 3840 k 2560 threads 2 phase prefill packing v5 act i8 tokens 512 kernel trit_gemm_v5_i8_12x32x20__avx512vbmi hash 3d15bb7da66cc122 mc 0 nc 0 median_us 5650.422 spread_us 29.066
plan n 6912 k 2560 threads 1 phase decode packing v5 act i8 tokens 1 kernel trit_gemv_v5_i8_1x32x20__avx512vbmi_p8u2 hash 03f5e94cddff277e mc 0 nc 0 median_us 93.577 spread_us 0.982
plan n 6912 k 2560 threads 1 phase prefill packing v5 act i8 tokens 512 kernel trit_gemm_v5_i8_12x32x20__avx512vbmi hash 3d15bb7da66cc122 mc 0 nc 0 median_us 19192.820 spread_us 114.400
plan n 6912 k 2560 threads 2 phase decode packing v5 act i8 tokens 1 kernel trit_gemv_v5_i8_1x32x20__avx512vbmi_p8u2 hash 03f5e94cddff277e mc 0 nc 0 median_us 77.730 spread_us 4.044
plan n 6912 k 2560 threads 2 phase prefill packing v5 act i8 tokens 512 kernel trit_gemm_v5_i8_12x32x20__avx512vbmi hash 3d15bb7da66cc122 mc 0 nc 0 median_us 9914.955 spread_us 89.211
plan n 13824 k 2560 threads 1 phase decode packing v5 act i8 tokens 1 kernel trit_gemv_v5_i8_1x32x20__avx512vbmi_p8u2 hash 03f5e94cddff277e mc 0 nc 0 median_us 191.049 spread_us 5.922
plan n 13824 k 2560 threads 1 phase prefill packing v5 act i8 tokens 512 kernel trit_gemm_v5_i8_12x32x20__avx512vbmi hash 3d15bb7da66cc122 mc 0 nc 0 median_us 38050.582 spread_us 434.396
plan n 13824 k 2560 threads 2 phase decode packing v5 act i8 tokens 1 kernel trit_gemv_v5_i8_1x32x20__avx512vbmi_p8u2 hash 03f5e94cddff277e mc 0 nc 0 median_us 155.957 spread_us 5.733
plan n 13824 k 2560 threads 2 phase prefill packing v5 act i8 tokens 512 kernel trit_gemm_v5_i8_12x32x20__avx512vbmi hash 3d15bb7da66cc122 mc 0 nc 0 median_us 20271.580 spread_us 290.040
end
